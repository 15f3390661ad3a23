"""The only file that inserts an entry. Entry, legs, lot and balance commit together; a cause posts once per account:
the same cause again answers what it answered first, and with other content it is refused. One posting is a set of one.

Accounts are made in the order of members and locked in the order of ids, so sets never wait for each other in a circle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from config.ground.cause import Cause
from loyalty.errors import ConflictingCause, InvalidPoints
from loyalty.models import Book, Entry, Lot, Programme

CENT = Decimal("0.01")
MOST = Decimal(10) ** 15  # of one posting; a balance holds ten of them
_NEW_POINTS = {Entry.Kind.EARN, Entry.Kind.GRANT}  # kinds whose points become a lot


class Origin(NamedTuple):
    """The row that points are earned by; line 0 is the whole of it."""

    type: str = ""
    id: int | None = None
    line: int = 0


NOWHERE = Origin()


@dataclass(frozen=True)
class Posting:
    member: int
    kind: str
    points: Decimal
    from_book: str
    to_book: str
    cause: Cause
    reason: str
    occurred_at: datetime
    source: Origin = NOWHERE
    reverses: int | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        p = self.points
        if not (p.is_finite() and 0 < p < MOST and p == p.quantize(CENT)):
            raise InvalidPoints(f"points are above 0 and below {MOST:.0e} with at most two decimals, not {p}")

    @property
    def input_hash(self) -> bytes:
        """What is asked for. When it is asked, and in which words, may differ from one attempt to the next."""
        asked = (self.kind, self.points.quantize(CENT), self.from_book, self.to_book, *self.source, self.reverses)
        return hashlib.sha256(repr(tuple(map(str, asked))).encode()).digest()[:16]


class Posted(NamedTuple):
    entry: int
    balance: Decimal  # available points right after it
    new: bool


@dataclass(frozen=True)
class _New:
    """An entry to be inserted, and the available points that it leaves."""

    entry: int
    account: int
    posting: Posting
    balance: Decimal


def post(programme: Programme, posting: Posting, *, now: datetime) -> Posted:
    return post_many(programme, [posting], now=now)[0]


@transaction.atomic
def post_many(programme: Programme, postings: Sequence[Posting], *, now: datetime) -> list[Posted]:
    """One answer per posting, in order. Raises ConflictingCause, and then nothing at all is posted."""
    accounts, balances = _lock(programme, {p.member for p in postings})
    keys = [(accounts[p.member], p.cause.id) for p in postings]
    first = _posted_before(keys)
    ids = iter(_ids(len(set(keys) - first.keys())))
    fresh: list[_New] = []
    answers: list[Posted] = []
    for key, p in zip(keys, postings, strict=True):
        account, cause = key
        if key not in first:
            balances[account] += _moved(p)
            entry = _New(next(ids), account, p, balances[account])
            fresh.append(entry)
            answers.append(Posted(entry.entry, entry.balance, new=True))
            first[key] = p.input_hash, answers[-1]._replace(new=False)
        elif first[key][0] == p.input_hash:
            answers.append(first[key][1])
        else:
            raise ConflictingCause(account, cause)
    if fresh:
        _insert(fresh, now=now)
    return answers


def _lock(programme: Programme, members: set[int]) -> tuple[dict[int, int], dict[int, Decimal]]:
    """Member -> account, account -> available points; missing accounts are made, all are locked until the commit."""
    wanted: list[Any] = [programme.pk, sorted(members)]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_pointsaccount (programme_id, member_id, avail, pend, held, debt)
               SELECT %s, member, 0, 0, 0, 0 FROM unnest(%s::bigint[]) AS member
               ON CONFLICT DO NOTHING""",
            wanted,
        )
        cursor.execute(
            """SELECT member_id, id, avail FROM loyalty_pointsaccount WHERE programme_id = %s AND member_id = ANY(%s)
               ORDER BY id FOR NO KEY UPDATE""",
            wanted,
        )
        rows = cursor.fetchall()
    return {member: id for member, id, _ in rows}, {id: avail for _, id, avail in rows}


def _posted_before(keys: Sequence[tuple[int, UUID]]) -> dict[tuple[int, UUID], tuple[bytes, Posted]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.account_id, e.cause, e.input_hash, e.id, e.result ->> 'balance'
               FROM unnest(%s::bigint[], %s::uuid[]) AS k (account_id, cause)
               JOIN loyalty_entry e USING (account_id, cause)""",
            [[account for account, _ in keys], [cause for _, cause in keys]],
        )
        return {
            (account, cause): (bytes(hash), Posted(entry, Decimal(balance), new=False))
            for account, cause, hash, entry, balance in cursor.fetchall()
        }


def _moved(p: Posting) -> Decimal:
    """What a posting does to the available points."""
    return p.points * ((p.to_book == Book.AVAIL) - (p.from_book == Book.AVAIL))


def _insert(fresh: Sequence[_New], *, now: datetime) -> None:
    _copy(
        "loyalty_entry (id, account_id, kind, amount, cause, origin, input_hash, result, reverses_id, source_type,"
        " source_id, source_line, reason, occurred_at, recorded_at)",
        (_entry(n, n.posting, now) for n in fresh),
    )
    _copy(
        "loyalty_leg (entry_id, from_book, to_book, amount)",
        ((n.entry, n.posting.from_book, n.posting.to_book, n.posting.points) for n in fresh),
    )
    _copy(
        "loyalty_lot (account_id, entry_id, state, original, remaining, drawn, expired, clawed, repaid, moved,"
        " available_at, expires_at)",
        (_lot(n, n.posting, now) for n in fresh if n.posting.kind in _NEW_POINTS),
    )
    left = {n.account: n.balance for n in fresh}
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE loyalty_pointsaccount a SET avail = b.avail
               FROM unnest(%s::bigint[], %s::numeric[]) AS b (id, avail) WHERE a.id = b.id""",
            [list(left), list(left.values())],
        )


def _entry(n: _New, p: Posting, now: datetime) -> tuple[Any, ...]:
    result = json.dumps({"balance": str(n.balance)})
    asked = n.entry, n.account, p.kind, p.points, p.cause.id, p.cause.origin, p.input_hash, result, p.reverses
    return *asked, *p.source, p.reason, p.occurred_at, now


def _lot(n: _New, p: Posting, now: datetime) -> tuple[Any, ...]:
    return n.account, n.entry, Lot.State.ACTIVE, p.points, p.points, 0, 0, 0, 0, 0, now, p.expires_at


def _ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('loyalty_entry', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in cursor.fetchall()]


def _copy(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
