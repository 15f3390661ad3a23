"""The only way in. A row is stored once per (source, id), for ever: the same again is a duplicate, other content is a conflict.

Seen is inserted first, in one order, so that two batches with the same rows meet there and nowhere else. The facts, who is to
be told, and the memory that they were seen commit together; only then is the batch answered.

Members that the batch showed to be one person are joined right after its commit, each pair in a transaction of its own; the
candidate that is due is the truth, so what a crash leaves behind the tick finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from msgspec import structs

from cdp import attributes, candidates, consents, feed, identity, joining, personal, resolving, tags, third_parties
from cdp.errors import BatchRejected, Rejected
from cdp.ingest import batch, early, exchanges, granted, products, refunds, storms, tables
from cdp.ingest import rows as shapes
from cdp.ingest import said as fields
from cdp.ingest.batch import Accepted, Parsed
from cdp.ingest.log import Noted
from cdp.ingest.rows import MemberRow
from cdp.models import Source
from cdp.models.source import OWN
from cdp.resolving import Resolved
from config.ground.cause import Cause
from config.ground.models import Brand
from config.ground.nudge import nudge

Refuse = Callable[..., list[Rejected]]


@dataclass(frozen=True)
class Own:
    """One of our own events: stored once per cause, heard by the readers that listen to its type."""

    type: str
    member: int
    cause: Cause
    occurred_at: datetime
    properties: dict[str, Any]


def accept(
    kind: str,
    raw: Sequence[Any],
    *,
    source: str,
    atomic: bool = False,
    history: bool = False,
    paced: bool = False,
    call: Noted | None = None,
    now: datetime,
) -> Accepted:
    """Store a batch. `history`: facts and profile only, nobody is told. `paced`: of one member no more rows than storms.py lets
    in. `call`: who hears what became of the rows (log.py). Raises BatchRejected when `atomic` and a row is bad.
    """
    answer = Accepted()
    good, answer.rejected = shapes.parse(kind, raw, currency=Brand.objects.the().currency, now=now)
    if paced:
        good, stormy = storms.pace(good)
        answer.rejected += stormy
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
        if call:
            call.note(kind, from_source, answer, _said(parsed, answer), history=history, now=now)
        nudge("cdp.absorb")
    joining.join_due(answer.due, now=now)
    return answer


def _said(parsed: list[Parsed], answer: Accepted) -> fields.Said:
    """Of the rows that are new; of kinds whose rows have no id, of all that fit."""
    new = set(answer.fresh) - {rejected.index for rejected in answer.rejected}
    return fields.count((p.row, p.keys) for p in parsed if not p.content or p.index in new)


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
        [(e.occurred_at, e.member, None, source.pk, str(e.cause.id), e.type, e.properties, None) for e in stored],
        now=now,
    )
    feed.tell_listeners([feed.Heard(e.type, id, e.member, e.occurred_at) for id, e in zip(ids, stored, strict=True)])
    if stored:
        nudge("cdp.absorb")
    return len(stored)


def _orders(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    refunds.meet(source, orders=True)
    parsed = granted.money(parsed, source, answer)
    fresh = batch.unseen("order", parsed, source, answer)
    found = resolving.resolve([p.keys for p in fresh], source=source, now=now)
    ids = tables.next_ids("cdp_order", len(fresh))
    tables.copy(
        "cdp_order (id, member_id, identity_id, source_id, external_id, placed_at, amount, currency, channel, store,"
        " coupon_codes, points_used, exchange_of, recorded_at)",
        (
            (
                id,
                member,
                named_by,
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
            for id, member, named_by, o in zip(
                ids, found.members, found.identities, (p.row for p in fresh), strict=True
            )
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
    batch.dirty("order", zip(ids, found.members, (p.row.placed_at for p in fresh), strict=True), history, now)
    refunds.unpark(source, [p.row.id for p in fresh], history, now)
    exchanges.tell([id for id, p in zip(ids, fresh, strict=True) if p.row.exchange_of], now=now)
    _conclude(found, found.bystanders, answer, history, now)
    answer.accepted += len(fresh)


def _events(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    fresh = batch.unseen("event", granted.events(parsed, source, answer, now=now), source, answer)
    found = resolving.resolve([p.keys for p in fresh], source=source, now=now)
    waiting = early.park(fresh, found, source, history, now)
    stored = [
        (p.row, member, named_by)
        for n, (p, member, named_by) in enumerate(zip(fresh, found.members, found.identities, strict=True))
        if n not in waiting
    ]
    said = [personal.Said(row.type, member, row.properties) for row, member, _by in stored]
    ids = tables.copy_events(
        [
            (row.occurred_at, m, named_by, source.pk, row.id, row.type, *apart)
            for (row, m, named_by), apart in zip(stored, personal.part(said, now=now), strict=True)
        ],
        now=now,
    )
    told = [(id, m, row) for id, (row, m, _by) in zip(ids, stored, strict=True) if m is not None]
    if history:
        batch.dirty("event", ((id, member, row.occurred_at) for id, member, row in told), history, now)
    else:
        heard = [feed.Heard(row.type, id, member, row.occurred_at) for id, member, row in told]
        feed.tell(feed.PROFILE, heard, new=True)
    _conclude(found, found.bystanders, answer, history, now)
    answer.accepted += len(fresh)


def _members(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    """Members have no id of their own in a source: a row is a duplicate when it says nothing new."""
    found, whose = _resolved(parsed, source, answer, granted.members, now=now, change=True)
    answer.rejected += [_nobody(whose[n][1]) for n in sorted(found.weak)]
    rows = [(member, p) for n, (member, p) in enumerate(whose) if member and n not in found.weak]
    named = {p.index: by for (_member, p), by in zip(whose, found.identities, strict=True)}
    changed = found.news | _describe(rows, source)
    born = {member for member, p in rows if "birthday" in p.row.attributes}
    changed |= consents.set_state(
        [
            consents.Said(
                member,
                c.channel,
                c.purpose,
                c.state,
                c.at,
                c.evidence,
                source.code,
                c.wording,
                c.guardian,
                named[p.index],
            )
            for member, p in rows
            for c in p.row.consents
        ],
        now=now,
    )
    consents.suspend_children(born, source=source.code, now=now)
    given = [tags.Given(member, tags.parse(text), named[p.index]) for member, p in rows for text in p.row.tags]
    changed |= tags.give(given, source=source.pk, origin=f"source:{source.code}", now=now)
    _conclude(found, changed, answer, history, now)
    told = sum(member in changed or not found.new.isdisjoint(p.keys) for member, p in rows)
    answer.accepted += told
    answer.duplicates += len(rows) - told


def _nobody(p: Parsed) -> Rejected:
    why = _("these identities name what people share, such as a device; a member has one of its own")
    return Rejected(p.index, "identities", "only_weak_identities", why)


def _resolved(
    parsed: list[Parsed], source: Source, answer: Accepted, refuse: Refuse, *, now: datetime, change: bool = False
) -> tuple[Resolved, list[tuple[int | None, Parsed]]]:
    """Whose each row is. Whom a row is about shows only then, and with it whether it may come in: those that may not are
    rejected, and what they would have made, a member or an identity, is taken back with them.
    """
    while True:
        with transaction.atomic():
            found = resolving.resolve([p.keys for p in parsed], source=source, change=change, now=now)
            rows = list(zip(found.members, parsed, strict=True))
            refused = refuse(rows, found, source, now=now)
            if not refused:
                return found, rows
            transaction.set_rollback(True)
        answer.rejected += refused
        indexes = {rejected.index for rejected in refused}
        parsed = [p for p in parsed if p.index not in indexes]


def _conclude(found: Resolved, changed: Collection[int], answer: Accepted, history: bool, now: datetime) -> None:
    """What came of a batch besides its rows: members to look at, events that waited for theirs, pairs that may be one person."""
    tickets = tables.next_ids("cdp_feedrow", len(changed))
    batch.dirty("member", [(t, member, now) for t, member in zip(tickets, sorted(changed), strict=True)], history, now)
    early.release(found, now=now)
    candidates.overtake(found.turned, now=now)
    answer.due += candidates.propose(found, now=now)


def _describe(rows: Sequence[tuple[int, Parsed]], source: Source) -> set[int]:
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
        third_parties.note({member: row.attributes for member, row in said.items()}, source)
        cursor.execute(
            """UPDATE cdp_member m
               SET attributes = (m.attributes || r.said) - r.unsaid, synthetic = m.synthetic OR r.synthetic,
                   registered_at = coalesce(m.registered_at, r.registered_at)
               FROM (SELECT id, said - unsaid AS said, unsaid, registered_at, synthetic
                     FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[], %s::bool[])
                          AS u (id, said, registered_at, synthetic),
                          LATERAL (SELECT ARRAY(SELECT key FROM jsonb_each(said) WHERE value = 'null') AS unsaid) n) r
               WHERE m.id = r.id AND (NOT m.attributes @> r.said OR m.attributes ?| r.unsaid
                                      OR r.synthetic AND NOT m.synthetic
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


def _returns(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    found = refunds.store_unmatched(parsed, source, answer, history, now)
    _conclude(found, found.bystanders, answer, history, now)


STORES: dict[str, Callable[[list[Parsed], Source, Accepted, bool, datetime], None]] = {
    "orders": _orders,
    "events": _events,
    "members": _members,
    "products": products.store,
    "refunds": refunds.store,
    "returns": _returns,
}
