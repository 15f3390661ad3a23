"""The only file that inserts an entry. Entry, legs, lot and balance commit together; a cause posts once per account:
the same cause again answers what it answered first, and with other content it is refused. One posting is a set of one.

What is meant for a member that was merged away is posted to the one who stands for it, and what was posted to either is not
posted to the other. Accounts are made in the order of members and locked in the order of ids, so sets never wait for each other
in a circle; a merge locks both accounts, so a posting comes before it and is moved, or after it and goes to who stands.
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

from cdp import roots
from config.ground.cause import Cause
from loyalty.errors import ConflictingCause, InvalidPoints
from loyalty.models import Book, Entry, Lot, PointsAccount, Programme

CENT = Decimal("0.01")
MOST = Decimal(10) ** 15  # of one posting; a balance holds ten of them
_NEW_LOT = {Entry.Kind.EARN, Entry.Kind.GRANT, Entry.Kind.MOVE_IN}  # kinds whose points become a lot


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
    available_at: datetime | None = None  # of a lot that comes from another account; its own is from now on
    origin_lot: int | None = None

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


@dataclass
class Balance:
    """What an account holds; `owed` is the debt, which its book counts below zero."""

    avail: Decimal
    pend: Decimal
    held: Decimal
    owed: Decimal

    def take(self, p: Posting) -> None:
        for book, points in ((p.to_book, p.points), (p.from_book, -p.points)):
            if book == Book.AVAIL:
                self.avail += points
            elif book == Book.PEND:
                self.pend += points
            elif book == Book.DEBT:
                self.owed -= points


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
    accounts, balances = _lock_standing(programme, {p.member for p in postings})
    return _post(programme, postings, accounts, balances, now=now)


def post_between(
    programme: Programme,
    postings: Sequence[Posting],
    accounts: dict[int, int],
    balances: dict[int, Balance],
    *,
    now: datetime,
) -> list[Posted]:
    """The same among accounts that the caller has locked (`lock`), of these very members and not of who stands for them."""
    return _post(programme, postings, accounts, balances, now=now)


def _post(
    programme: Programme,
    postings: Sequence[Posting],
    accounts: dict[int, int],
    balances: dict[int, Balance],
    *,
    now: datetime,
) -> list[Posted]:
    keys = [(accounts[p.member], p.cause.id) for p in postings]
    first = _posted_before(programme, keys, accounts)
    ids = iter(_ids(len(set(keys) - first.keys())))
    fresh: list[_New] = []
    answers: list[Posted] = []
    for key, p in zip(keys, postings, strict=True):
        account, cause = key
        if key not in first:
            balances[account].take(p)
            entry = _New(next(ids), account, p, balances[account].avail)
            fresh.append(entry)
            answers.append(Posted(entry.entry, entry.balance, new=True))
            first[key] = p.input_hash, answers[-1]._replace(new=False)
        elif first[key][0] == p.input_hash:
            answers.append(first[key][1])
        else:
            raise ConflictingCause(account, cause)
    if fresh:
        _insert(fresh, balances, now=now)
    return answers


def _lock_standing(programme: Programme, members: set[int]) -> tuple[dict[int, int], dict[int, Balance]]:
    """`lock` for who stands for the members. Who waited here for a merge looks again."""
    away = roots.away(members)
    while True:
        accounts, balances = lock(programme, {away.get(member, member) for member in members})
        before, away = away, roots.away(members)
        if away == before:
            return {member: accounts[away.get(member, member)] for member in members}, balances


def lock(programme: Programme, members: set[int]) -> tuple[dict[int, int], dict[int, Balance]]:
    """Member -> account, account -> balance; missing accounts are made, all are locked until the commit."""
    wanted: list[Any] = [programme.pk, sorted(members)]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_pointsaccount (programme_id, member_id, avail, pend, held, debt)
               SELECT %s, member, 0, 0, 0, 0 FROM unnest(%s::bigint[]) AS member
               ON CONFLICT DO NOTHING""",
            wanted,
        )
        cursor.execute(
            """SELECT member_id, id, avail, pend, held, debt FROM loyalty_pointsaccount
               WHERE programme_id = %s AND member_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE""",
            wanted,
        )
        rows = cursor.fetchall()
    return {member: id for member, id, *_ in rows}, {id: Balance(*amounts) for _, id, *amounts in rows}


def _posted_before(
    programme: Programme, keys: Sequence[tuple[int, UUID]], accounts: dict[int, int]
) -> dict[tuple[int, UUID], tuple[bytes, Posted]]:
    """What was posted for these causes, to the account or to one of a member that it has ever been one with."""
    look_in = {account: {account} for account in accounts.values()}
    if kin := roots.kin(accounts):
        family = PointsAccount.objects.filter(
            programme=programme, member__in={m for them in kin.values() for m in them}
        )
        theirs = dict(family.values_list("member", "pk"))
        for member, them in kin.items():
            look_in[accounts[member]] |= {theirs[other] for other in them if other in theirs}
    asked = [(account, cause, kept) for account, cause in keys for kept in look_in[account]]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT k.wanted, e.cause, e.input_hash, e.id, e.result ->> 'balance'
               FROM unnest(%s::bigint[], %s::uuid[], %s::bigint[]) AS k (wanted, cause, account_id)
               JOIN loyalty_entry e USING (account_id, cause)""",
            [[wanted for wanted, _, _ in asked], [cause for _, cause, _ in asked], [kept for _, _, kept in asked]],
        )
        return {
            (account, cause): (bytes(hash), Posted(entry, Decimal(balance), new=False))
            for account, cause, hash, entry, balance in cursor.fetchall()
        }


def _insert(fresh: Sequence[_New], balances: dict[int, Balance], *, now: datetime) -> None:
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
        " origin_lot_id, available_at, expires_at)",
        (_lot(n, n.posting, now) for n in fresh if n.posting.kind in _NEW_LOT),
    )
    left = {n.account: balances[n.account] for n in fresh}
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE loyalty_pointsaccount a SET avail = b.avail, pend = b.pend, debt = b.debt
               FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS b (id, avail, pend, debt)
               WHERE a.id = b.id""",
            [
                list(left),
                [balance.avail for balance in left.values()],
                [balance.pend for balance in left.values()],
                [balance.owed for balance in left.values()],
            ],
        )


def _entry(n: _New, p: Posting, now: datetime) -> tuple[Any, ...]:
    result = json.dumps({"balance": str(n.balance)})
    asked = n.entry, n.account, p.kind, p.points, p.cause.id, p.cause.origin, p.input_hash, result, p.reverses
    return *asked, *p.source, p.reason, p.occurred_at, now


def _lot(n: _New, p: Posting, now: datetime) -> tuple[Any, ...]:
    state = Lot.State.PENDING if p.to_book == Book.PEND else Lot.State.ACTIVE
    whole = p.points, p.points, 0, 0, 0, 0, 0
    return n.account, n.entry, state, *whole, p.origin_lot, p.available_at or now, p.expires_at


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
