"""Refunds: never above their order, and parked while it has not come.

Orders and refunds of one source meet at an advisory lock: batches of orders pass it together, a batch of refunds alone, so that
neither can miss the other. That no order is refunded above its amount the table itself sees to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp import resolving
from cdp.errors import Rejected
from cdp.ingest import batch, exchanges, granted, tables
from cdp.ingest.batch import Accepted, Parsed
from cdp.ingest.rows import RefundRow, ReturnRow
from cdp.models import Parked, Source
from config.ground import alarms

KIND = "refund"


class _Orders:
    """What is left of orders as refunds of a batch are taken from them; the rows are locked."""

    def __init__(self, source: Source, numbers: Iterable[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT external_id, id, member_id, amount - refunded FROM cdp_order
                   WHERE source_id = %s AND external_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE""",
                [source.pk, sorted(set(numbers))],
            )
            rows = cursor.fetchall()
        self.named: dict[str, tuple[int, int | None]] = {number: (id, member) for number, id, member, _left in rows}
        self.left: dict[str, int] = {number: left for number, _id, _member, left in rows}

    def take(self, refund: RefundRow) -> bool:
        if refund.amount > self.left[refund.order_id]:
            return False
        self.left[refund.order_id] -= refund.amount
        return True


def meet(source: Source, *, orders: bool) -> None:
    lock = "pg_advisory_xact_lock_shared" if orders else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(hashtext('cdp.refunds'), %s)", [source.pk])


def store(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    meet(source, orders=False)
    fresh = batch.unseen(KIND, granted.money(parsed, source, answer), source, answer)
    orders = _Orders(source, (p.row.order_id for p in fresh))
    early = [p.row for p in fresh if p.row.order_id not in orders.named]
    taken, refused = [], {}
    for p in fresh:
        if p.row.order_id in orders.named:
            if orders.take(p.row):
                taken.append(p.row)
            else:
                refused[p.row.id] = _too_much(p, orders.left[p.row.order_id])
    _insert(taken, orders, source, history, now)
    _park(early, source, now)
    _refuse(refused, parsed, source, answer)
    answer.accepted += len(taken) + len(early)
    answer.parked += len(early)


def store_unmatched(
    parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime
) -> resolving.Resolved:
    """Returns of no order that was named: their members', or nobody's."""
    fresh = batch.unseen(KIND, granted.money(parsed, source, answer), source, answer)
    found = resolving.resolve([p.keys for p in fresh], source=source, now=now)
    rows = zip(fresh, found.members, found.identities, strict=True)
    _copy([(p.row, None, member, named_by) for p, member, named_by in rows], source, history, now)
    answer.accepted += len(fresh)
    return found


def unpark(source: Source, numbers: Sequence[str], history: bool, now: datetime) -> None:
    """Apply what waits for these orders, in the order in which it was refunded; what is too much stays, with an alarm."""
    waiting = {
        parked.external_id: msgspec.convert(parked.row, RefundRow, strict=True)
        for parked in Parked.objects.filter(kind=KIND, source=source, waits_for__in=numbers)
    }
    if not waiting:
        return
    orders = _Orders(source, (refund.order_id for refund in waiting.values()))
    rows = sorted(waiting.values(), key=lambda refund: (refund.refunded_at, refund.id))
    taken = [refund for refund in rows if orders.take(refund)]
    _insert(taken, orders, source, history, now)
    parked = Parked.objects.filter(kind=KIND, source=source)
    parked.filter(external_id__in=[refund.id for refund in taken]).delete()
    for refund in rows:
        if refund not in taken:
            parked.filter(external_id=refund.id).update(why=Parked.Why.TOO_MUCH, alarmed_at=now)
            alarms.ring(
                f"parked:{source.code}:{refund.id}",
                gettext_noop("refund %(refund)s: %(amount)s fen of order %(order)s, of which %(left)s fen are left"),
                now=now,
                refund=refund.id,
                amount=refund.amount,
                order=refund.order_id,
                left=orders.left[refund.order_id],
            )


def _too_much(p: Parsed, left: int) -> Rejected:
    message = _("above what is left of the order: %(left)d can still be refunded") % {"left": left}
    return Rejected(p.index, "amount", "too_much", message)


def _refuse(refused: dict[str, Rejected], parsed: list[Parsed], source: Source, answer: Accepted) -> None:
    """They were not stored, so they are not remembered, and what says the same in this batch is no duplicate."""
    tables.forget(KIND, source, list(refused))
    said = {p.index: p.content for p in parsed}
    for p in parsed:
        if (why := refused.get(p.row.id)) and p.content == said[why.index]:
            answer.duplicates -= p.index != why.index
            answer.rejected.append(Rejected(p.index, why.path, why.code, why.message))
    not_stored = {why.index for why in refused.values()}
    answer.fresh = [index for index in answer.fresh if index not in not_stored]


def _insert(refunds: list[RefundRow], orders: _Orders, source: Source, history: bool, now: datetime) -> None:
    _copy([(refund, *orders.named[refund.order_id], None) for refund in refunds], source, history, now)
    exchanges.tell([orders.named[refund.order_id][0] for refund in refunds], now=now)


def _copy(
    refunds: list[tuple[RefundRow | ReturnRow, int | None, int | None, int | None]],
    source: Source,
    history: bool,
    now: datetime,
) -> None:
    """(row, order, member, the identity that named it) each."""
    ids = tables.next_ids("cdp_refund", len(refunds))
    tables.copy(
        "cdp_refund (id, order_id, member_id, identity_id, source_id, external_id, refunded_at, amount, recorded_at)",
        (
            (id, order, member, named_by, source.pk, r.id, r.refunded_at, r.amount, now)
            for id, (r, order, member, named_by) in zip(ids, refunds, strict=True)
        ),
    )
    tables.copy(
        "cdp_refundline (refund_id, position, sku, quantity, amount)",
        (
            (id, n, line.sku, line.quantity, line.amount)
            for id, (r, _order, _member, _by) in zip(ids, refunds, strict=True)
            for n, line in enumerate(r.items)
        ),
    )
    told = ((id, member, r.refunded_at) for id, (r, _order, member, _by) in zip(ids, refunds, strict=True))
    batch.dirty(KIND, told, history, now)


def _park(refunds: list[RefundRow], source: Source, now: datetime) -> None:
    Parked.objects.bulk_create(
        Parked(
            kind=KIND, source=source, external_id=r.id, waits_for=r.order_id, row=msgspec.to_builtins(r), parked_at=now
        )
        for r in refunds
    )
