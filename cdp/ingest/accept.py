"""The only way in. A row is stored once per (source, id), for ever: the same again is a duplicate, other content is a conflict.

Seen is inserted first, in one order, so that two batches with the same rows meet there and nowhere else. The facts, who is to
be told, and the memory that they were seen commit together; only then is the batch answered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from msgspec import structs

from cdp import attributes, consents, feed, identity, tags
from cdp.errors import BatchRejected, Rejected
from cdp.ingest import batch, exchanges, products, refunds, tables
from cdp.ingest import rows as shapes
from cdp.ingest.batch import Accepted, Parsed
from cdp.ingest.rows import MemberRow
from cdp.models import Source
from config.ground.cause import Cause
from config.ground.models import Brand
from config.ground.nudge import nudge

OWN = "huitou"  # the source of our own events


@dataclass(frozen=True)
class Own:
    """One of our own events: stored once per cause, heard by the readers that listen to its type."""

    type: str
    member: int
    cause: Cause
    occurred_at: datetime
    properties: dict[str, Any]


def accept(
    kind: str, raw: Sequence[Any], *, source: str, atomic: bool = False, history: bool = False, now: datetime
) -> Accepted:
    """Store a batch. `history`: facts and profile only, nobody is told. Raises BatchRejected when `atomic` and a row is bad."""
    answer = Accepted()
    good, answer.rejected = shapes.parse(kind, raw, currency=Brand.objects.the().currency, now=now)
    if kind == "members":
        good = _fitting(good, answer)
    if kind == "events":
        tables.make_months(row.occurred_at for _index, row, _keys in good)
    with transaction.atomic():
        from_source, _made = Source.objects.get_or_create(code=source, defaults={"name": source})
        parsed = [Parsed(index, row, keys, batch.marks(row)) for index, row, keys in good]
        STORES[kind](parsed, from_source, answer, history, now)
        answer.rejected.sort(key=lambda rejected: rejected.index)
        if atomic and answer.rejected:
            raise BatchRejected(answer.rejected)
        nudge("cdp.absorb")
    return answer


def _fitting(good: list[tuple[int, Any, list[identity.Key]]], answer: Accepted) -> list[Any]:
    """The rows whose declared attributes are of their type, with the values as they are kept."""
    known, fitting = attributes.declared(), []
    for index, row, keys in good:
        kept, faults = attributes.check(row.attributes, known)
        if faults:
            answer.rejected.append(Rejected(index, faults[0].path, faults[0].code, faults[0].message))
        else:
            fitting.append((index, structs.replace(row, attributes=kept), keys))
    return fitting


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
    refunds.meet(source, orders=True)
    fresh = batch.unseen("order", parsed, source, answer)
    members, _new = identity.resolve([p.keys for p in fresh], now=now)
    ids = tables.next_ids("cdp_order", len(fresh))
    tables.copy(
        "cdp_order (id, member_id, source_id, external_id, placed_at, amount, currency, channel, store, coupon_codes,"
        " points_used, exchange_of, recorded_at)",
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
                o.exchange_of,
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
    batch.dirty("order", zip(ids, members, (p.row.placed_at for p in fresh), strict=True), history, now)
    refunds.unpark(source, [p.row.id for p in fresh], history, now)
    exchanges.tell([id for id, p in zip(ids, fresh, strict=True) if p.row.exchange_of], now=now)
    answer.accepted += len(fresh)


def _events(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    fresh = batch.unseen("event", parsed, source, answer)
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
        batch.dirty("event", ((id, member, at) for id, member, (_type, at) in told), history, now)
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
    given = [tags.Given(member, tags.parse(text)) for member, p in rows for text in p.row.tags]
    changed |= tags.give(given, source=source.pk, origin=f"source:{source.code}", now=now)
    batch.dirty(
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
            registered_at=before.registered_at or p.row.registered_at,
            synthetic=before.synthetic or p.row.synthetic,
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


STORES: dict[str, Callable[[list[Parsed], Source, Accepted, bool, datetime], None]] = {
    "orders": _orders,
    "events": _events,
    "members": _members,
    "products": products.store,
    "refunds": refunds.store,
    "returns": refunds.store_unmatched,
}
