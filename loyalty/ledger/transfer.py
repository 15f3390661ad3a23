"""Two members become one, or part: points go lot by lot, each by an entry that leaves one account and its twin in the other, so
that over both nothing comes into being and nothing is lost. A lot arrives with the expiry and the availability that it had.

What one owes the other's points repay at once, soonest to expire first: there is no debt beside points. When they part, what is
left of the lots goes back; a debt does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from cdp.errors import CannotMerge
from cdp.handover import Handover
from config.ground.cause import Cause
from loyalty.ledger.post import Balance, Origin, Posting, lock, post_between
from loyalty.models import Book, Entry, Lot, Programme

Kind = Entry.Kind


@dataclass(frozen=True)
class Move:
    """From whom to whom, on account of what: "merge" or "unmerge" and its number."""

    giver: int
    taker: int
    origin: str
    merge: int
    now: datetime

    def posting(
        self, member: int, kind: str, points: Decimal, books: tuple[str, str], key: str, lot: Lot | None = None
    ) -> Posting:
        return Posting(
            member=member,
            kind=kind,
            points=points,
            from_book=books[0],
            to_book=books[1],
            cause=Cause(self.origin, f"{self.merge}/{key}"),
            reason=f"{self.origin} #{self.merge}",
            occurred_at=self.now,
            source=Origin(self.origin, self.merge),
            expires_at=lot.expires_at if lot else None,
            available_at=lot.available_at if lot else None,
            origin_lot=_origin(lot) if lot else None,
        )


def join(over: Handover) -> None:
    """All of the other's lots, and what it owes, in every programme."""
    move = Move(over.drop, over.keep, "merge", over.merge, over.at)
    moved: list[int] = []
    for programme in Programme.objects.order_by("pk"):
        accounts, balances = lock(programme, {over.keep, over.drop})
        lots = list(Lot.objects.filter(account=accounts[over.drop], remaining__gt=0).order_by("pk"))
        _go(programme, move, lots, accounts, balances)
        moved += [_origin(lot) for lot in lots]
    if moved:
        over.moved[Lot._meta.label] = moved


def part(over: Handover) -> None:
    """What is left of the lots that came, and of those that the returning orders earned meanwhile."""
    move = Move(over.keep, over.drop, "unmerge", over.merge, over.at)
    for programme in Programme.objects.order_by("pk"):
        accounts, balances = lock(programme, {over.keep, over.drop})
        lots = Lot.objects.raw(
            """SELECT l.* FROM loyalty_lot l JOIN loyalty_entry e ON e.id = l.entry_id
               LEFT JOIN cdp_order o ON e.kind = 'earn' AND e.source_type = 'order' AND o.id = e.source_id
               WHERE l.account_id = %s AND l.remaining > 0 AND (l.origin_lot_id = ANY(%s) OR o.member_id = %s) ORDER BY l.id""",
            [accounts[over.keep], over.moved.get(Lot._meta.label, []), over.drop],
        )
        _go(programme, move, list(lots), accounts, balances)


def remaining(member: int) -> int:
    """How many lots have points left."""
    return Lot.objects.filter(account__member=member, remaining__gt=0).count()


def _go(
    programme: Programme, move: Move, lots: Sequence[Lot], accounts: dict[int, int], balances: dict[int, Balance]
) -> None:
    giver, taker = balances[accounts[move.giver]], balances[accounts[move.taker]]
    if sum(lot.remaining for lot in lots if lot.state == Lot.State.ACTIVE) > giver.avail:
        raise CannotMerge("points_held", _("points are held for a purchase; take or release them first"))
    postings = [posting for lot in lots for posting in _lot(move, lot)]
    if move.origin == "merge" and giver.owed:
        postings += _debt(move, giver.owed)
    repaid = min(giver.avail + taker.avail, giver.owed + taker.owed) if move.origin == "merge" else Decimal(0)
    if repaid:
        postings.append(move.posting(move.taker, Kind.REPAY, repaid, (Book.AVAIL, Book.DEBT), f"repay/{programme.pk}"))
    if postings:
        post_between(programme, postings, accounts, balances, now=move.now)
    _close(lots)
    if repaid:
        _repay(accounts[move.taker], repaid)


def _lot(move: Move, lot: Lot) -> list[Posting]:
    book = Book.PEND if lot.state == Lot.State.PENDING else Book.AVAIL
    return [
        move.posting(move.giver, Kind.MOVE_OUT, lot.remaining, (book, Book.MOVED), f"out/{lot.pk}"),
        move.posting(move.taker, Kind.MOVE_IN, lot.remaining, (Book.MOVED, book), f"in/{lot.pk}", lot),
    ]


def _debt(move: Move, owed: Decimal) -> list[Posting]:
    return [
        move.posting(move.giver, Kind.DEBT_OUT, owed, (Book.MOVED, Book.DEBT), f"debt-out/{move.giver}"),
        move.posting(move.taker, Kind.DEBT_IN, owed, (Book.DEBT, Book.MOVED), f"debt-in/{move.giver}"),
    ]


def _origin(lot: Lot) -> int:
    return lot.origin_lot_id or lot.pk


def _close(lots: Sequence[Lot]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loyalty_lot SET moved = moved + remaining, remaining = 0, state = 'closed' WHERE id = ANY(%s)",
            [[lot.pk for lot in lots]],
        )


def _repay(account: int, points: Decimal) -> None:
    """Soonest to expire first, then the older."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH line AS (
                   SELECT id, remaining, sum(remaining) OVER (ORDER BY expires_at, id) - remaining AS before
                   FROM loyalty_lot WHERE account_id = %(account)s AND state = 'active'),
               part AS (SELECT id, least(remaining, %(points)s - before) AS points FROM line WHERE before < %(points)s)
               UPDATE loyalty_lot l SET repaid = l.repaid + part.points, remaining = l.remaining - part.points,
                      state = CASE WHEN l.remaining = part.points THEN 'closed' ELSE l.state END
               FROM part WHERE l.id = part.id""",
            {"account": account, "points": points},
        )
