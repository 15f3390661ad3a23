"""The only way in. A row is stored once per (source, id), for ever: the same again is a duplicate, other content is a conflict.

Seen is inserted first, in one order, so that two batches with the same rows meet there and nowhere else. The facts, who is to
be told, and the memory that they were seen commit together; only then is the batch answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import consents, feed, identity
from cdp.errors import BatchRejected, Rejected
from cdp.ingest import rows as shapes
from cdp.ingest import tables
from cdp.ingest.rows import EventRow, MemberRow, OrderRow, ProductRow
from cdp.models import Source
from config.ground.cause import Cause
from config.ground.models import Brand
from config.ground.nudge import nudge

OWN = "huitou"  # the source of our own events
HISTORY = "history"  # told to the profile in place of a fact that must trigger nothing


@dataclass
class Accepted:
    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)  # indexes of the stored, of kinds whose rows have ids


@dataclass(frozen=True)
class Own:
    """One of our own events: stored once per cause, heard by the readers that listen to its type."""

    type: str
    member: int
    cause: Cause
    occurred_at: datetime
    properties: dict[str, Any]


@dataclass(frozen=True)
class Parsed:
    index: int
    row: Any
    keys: list[identity.Key]
    content: bytes


def accept(
    kind: str, raw: Sequence[Any], *, source: str, atomic: bool = False, history: bool = False, now: datetime
) -> Accepted:
    """Store a batch. `history`: facts and profile only, nobody is told. Raises BatchRejected when `atomic` and a row is bad."""
    answer = Accepted()
    good, answer.rejected = shapes.parse(kind, raw, currency=Brand.objects.the().currency, now=now)
    if kind == "events":
        tables.make_months(row.occurred_at for _index, row, _keys in good)
    with transaction.atomic():
        from_source, _made = Source.objects.get_or_create(code=source, defaults={"name": source})
        parsed = [Parsed(index, row, keys, _content(row)) for index, row, keys in good]
        STORES[kind](parsed, from_source, answer, history, now)
        answer.rejected.sort(key=lambda rejected: rejected.index)
        if atomic and answer.rejected:
            raise BatchRejected(answer.rejected)
        nudge("cdp.absorb")
    return answer


@transaction.atomic
def record(events: Sequence[Own], *, now: datetime) -> int:
    """Store our own events, once per cause, and tell who listens. Returns how many are new."""
    source, _made = Source.objects.get_or_create(code=OWN, defaults={"name": "Huitou"})
    by_cause = {str(event.cause.id): event for event in events}
    fresh = tables.remember("event", source, dict.fromkeys(by_cause, b""))
    stored = [event for key, event in by_cause.items() if key in fresh]
    ids = tables.copy_events(
        [(e.occurred_at, e.member, source.pk, str(e.cause.id), e.type, e.properties) for e in stored], now=now
    )
    feed.tell_listeners([feed.Heard(e.type, id, e.member, e.occurred_at) for id, e in zip(ids, stored, strict=True)])
    if stored:
        nudge("cdp.absorb")
    return len(stored)


def _orders(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    fresh = _unseen("order", parsed, source, answer)
    members, _new = identity.resolve([p.keys for p in fresh], now=now)
    ids = tables.next_ids("cdp_order", len(fresh))
    tables.copy(
        "cdp_order (id, member_id, source_id, external_id, placed_at, amount, currency, channel, store, coupon_codes,"
        " points_used, recorded_at)",
        (
            (
                id,
                member,
                source.pk,
                o.id,
                o.placed_at,
                o.amount,
                o.currency,
                o.channel,
                o.store,
                tables.array(o.coupon_codes),
                o.points_used,
                now,
            )
            for id, member, o in zip(ids, members, (p.row for p in fresh), strict=True)
        ),
    )
    tables.copy(
        "cdp_orderline (order_id, position, sku, name, category, quantity, amount, discount)",
        (
            (id, n, line.sku, line.name, tables.array(line.category), line.quantity, line.amount, line.discount)
            for id, p in zip(ids, fresh, strict=True)
            for n, line in enumerate(p.row.items)
        ),
    )
    _dirty("order", zip(ids, members, (p.row.placed_at for p in fresh), strict=True), history, now)
    answer.accepted += len(fresh)


def _events(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    fresh = _unseen("event", parsed, source, answer)
    members, _new = identity.resolve([p.keys for p in fresh], now=now)
    ids = tables.copy_events(
        [
            (p.row.occurred_at, m, source.pk, p.row.id, p.row.type, p.row.properties)
            for p, m in zip(fresh, members, strict=True)
        ],
        now=now,
    )
    told = zip(ids, members, ((p.row.type, p.row.occurred_at) for p in fresh), strict=True)
    if history:
        _dirty("event", ((id, member, at) for id, member, (_type, at) in told), history, now)
    else:
        feed.tell(feed.PROFILE, [feed.Heard(type, id, m, at) for id, m, (type, at) in told if m is not None])
    answer.accepted += len(fresh)


def _members(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    """Members have no id of their own in a source: a row is a duplicate when it says nothing new."""
    known = identity.owners(key for p in parsed for key in p.keys)
    named, _fresh = identity.resolve([p.keys for p in parsed], now=now)
    rows = [(member, p) for member, p in zip(named, parsed, strict=True) if member is not None]
    changed = {member for member, p in rows if not all(key in known for key in p.keys)}
    changed |= _describe(rows)
    changed |= consents.set_state(
        [
            consents.Said(member, c.channel, c.purpose, c.state, c.at, c.evidence)
            for member, p in rows
            for c in p.row.consents
        ],
        now=now,
    )
    _dirty(
        "member",
        [
            (ref, member, now)
            for ref, member in zip(tables.next_ids("cdp_feedrow", len(changed)), sorted(changed), strict=True)
        ],
        history,
        now,
    )
    told = sum(member in changed for member, _p in rows)
    answer.accepted += told
    answer.duplicates += len(parsed) - told


def _describe(rows: Sequence[tuple[int, Parsed]]) -> set[int]:
    """Later rows of a batch speak over earlier ones. Returns who changed."""
    said: dict[int, MemberRow] = {}
    for member, p in rows:
        before = said.get(member, MemberRow([]))
        said[member] = MemberRow(
            [],
            before.attributes | p.row.attributes,
            [],
            before.registered_at or p.row.registered_at,
            before.synthetic or p.row.synthetic,
        )
    members = sorted(said)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM cdp_member WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [members])
        cursor.execute(
            """UPDATE cdp_member m
               SET attributes = m.attributes || r.attributes, registered_at = coalesce(m.registered_at, r.registered_at),
                   synthetic = m.synthetic OR r.synthetic
               FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[], %s::bool[])
                    AS r (id, attributes, registered_at, synthetic)
               WHERE m.id = r.id AND (NOT m.attributes @> r.attributes OR r.synthetic AND NOT m.synthetic
                                      OR m.registered_at IS NULL AND r.registered_at IS NOT NULL)
               RETURNING m.id""",
            [
                members,
                [json.dumps(said[member].attributes, ensure_ascii=False) for member in members],
                [said[member].registered_at for member in members],
                [said[member].synthetic for member in members],
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def _products(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    rows = {p.row.sku: p.row for p in parsed}
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_product (sku, name, brand, category, attributes)
               SELECT sku, name, brand, (SELECT coalesce(array_agg(level ORDER BY n), '{}')
                                         FROM jsonb_array_elements_text(category) WITH ORDINALITY AS c (level, n)), attributes
               FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[])
                    AS r (sku, name, brand, category, attributes)
               ON CONFLICT (sku) DO UPDATE SET name = excluded.name, brand = excluded.brand,
                      category = excluded.category, attributes = cdp_product.attributes || excluded.attributes
               WHERE (cdp_product.name, cdp_product.brand, cdp_product.category)
                     IS DISTINCT FROM (excluded.name, excluded.brand, excluded.category)
                  OR NOT cdp_product.attributes @> excluded.attributes
               RETURNING sku""",
            [
                list(rows),
                [r.name for r in rows.values()],
                [r.brand for r in rows.values()],
                [json.dumps(r.category, ensure_ascii=False) for r in rows.values()],
                [json.dumps(r.attributes, ensure_ascii=False) for r in rows.values()],
            ],
        )
        stored = len(cursor.fetchall())
    answer.accepted += stored
    answer.duplicates += len(parsed) - stored


STORES: dict[str, Callable[[list[Parsed], Source, Accepted, bool, datetime], None]] = {
    "orders": _orders,
    "events": _events,
    "members": _members,
    "products": _products,
}


def _content(row: OrderRow | EventRow | MemberRow | ProductRow) -> bytes:
    """What a row says, however its instants or keys were written."""
    return hashlib.sha256(msgspec.json.encode(_utc(row), order="sorted")).digest()[:16]


def _utc(row: Any) -> Any:
    if isinstance(row, OrderRow):
        return msgspec.structs.replace(row, placed_at=row.placed_at.astimezone(UTC))
    if isinstance(row, EventRow):
        return msgspec.structs.replace(row, occurred_at=row.occurred_at.astimezone(UTC))
    return row


def _unseen(kind: str, parsed: list[Parsed], source: Source, answer: Accepted) -> list[Parsed]:
    """Those not stored before, each once; counts duplicates and names conflicts, within the batch too."""
    first: dict[str, Parsed] = {}
    again: list[Parsed] = []
    for p in parsed:
        if first.setdefault(p.row.id, p) is not p:
            again.append(p)
    fresh = tables.remember(kind, source, {key: p.content for key, p in first.items()})
    again += [p for key, p in first.items() if key not in fresh]
    stored = tables.stored_content(kind, source, [p.row.id for p in again])
    for p in again:
        if stored[p.row.id] == p.content:
            answer.duplicates += 1
        else:
            answer.rejected.append(
                Rejected(p.index, "id", "conflict", _("this id was stored before with other content"))
            )
    answer.fresh = [p.index for key, p in first.items() if key in fresh]
    return [p for key, p in first.items() if key in fresh]


def _dirty(kind: str, facts: Iterable[tuple[int, int | None, datetime]], history: bool, now: datetime) -> None:
    """Tell the profile. History is told once per member and batch, under a kind that nobody listens to."""
    heard = [feed.Heard(kind, ref, member, at) for ref, member, at in facts if member is not None]
    if history:
        members = sorted({fact.member for fact in heard})
        # A ticket of its own each: a row of an earlier batch may be taken by a drain that does not see ours yet.
        tickets = tables.next_ids("cdp_feedrow", len(members))
        heard = [feed.Heard(HISTORY, ticket, member, now) for ticket, member in zip(tickets, members, strict=True)]
    feed.tell(feed.PROFILE, heard)
