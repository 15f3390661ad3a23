"""What a merge does with the rows of a table, and how that is undone. Every table with a member declares one of these.

A row that goes over is written down with its key; giving back means: those rows, if the winner still has them, and whatever the
identities of the one who returns have brought meanwhile, other identities first of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import connection
from django.db.models import Model


@dataclass(frozen=True)
class Handover:
    """A merge as it happens, or as it is undone. `moved`: label of a table -> the keys of its rows that went over. `named`: the
    identities that name the one who returns, known once they were given back.
    """

    merge: int
    keep: int
    drop: int
    at: datetime
    moved: dict[str, list[Any]] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)


class Rows(Protocol):
    """A table with a member: `member` is the look-up from a row to it."""

    @property
    def model(self) -> type[Model]: ...
    @property
    def member(self) -> str: ...


FIRST, THEN, LAST = range(3)


class Policy:
    """`turn`: FIRST, what others are held by while they write; THEN, in the order of labels; LAST, what follows from the rest."""

    turn = THEN

    def merge(self, rows: Rows, over: Handover) -> None: ...

    def unmerge(self, rows: Rows, over: Handover) -> None: ...

    def hold(self, members: Sequence[int]) -> None:
        """Lock what others hold while they wait for a member: before the merge locks the members."""

    def going(self, rows: Rows, member: int) -> int:
        """How many rows of a member would go over: for people who are about to decide."""
        return 0


class _Stays(Policy):
    """History: the rows stay with the member who made them."""


class _Follows(Policy):
    """The rows have no member of their own; they belong to whom the row before them belongs."""


STAYS, FOLLOWS = _Stays(), _Follows()


@dataclass(frozen=True)
class Moves(Policy):
    """The rows go over. `unless`: not where the winner has one with the same values in these columns. `only`: SQL on a row `t`.
    `but`: nor those of which this SQL holds at the merge, the winner being %(to)s. `brought`: the column of the identity that
    brought a row. `busy_stay`: a row that somebody else holds is on its way already.
    """

    unless: Sequence[str] = ()
    only: str = ""
    but: str = ""
    brought: str = ""
    busy_stay: bool = False
    turn: int = THEN

    def merge(self, rows: Rows, over: Handover) -> None:
        if found := _move(
            rows, over.drop, over.keep, [*self._wanted(rows), *self._only()], {}, busy_stay=self.busy_stay
        ):
            over.moved[rows.model._meta.label] = found

    def unmerge(self, rows: Rows, over: Handover) -> None:
        label = rows.model._meta.label
        known = f"t.id = ANY(%(keys)s::{_type(rows.model)}[])"
        if self.brought:
            known = f"({known} OR t.{self.brought} = ANY(%(identities)s::bigint[]))"
        values = {"keys": over.moved.get(label, []), "identities": over.named}
        _move(rows, over.keep, over.drop, [known, *self._only()], values, busy_stay=self.busy_stay)

    def going(self, rows: Rows, member: int) -> int:
        table, column = _names(rows)
        with connection.cursor() as cursor:
            conditions = " AND ".join([f"t.{column} = %s", *self._only()])
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE {conditions}", [member])
            count: int = cursor.fetchone()[0]
        return count

    def _only(self) -> list[str]:
        return [f"({self.only})"] if self.only else []

    def _wanted(self, rows: Rows) -> list[str]:
        wanted = [f"NOT ({self.but})"] if self.but else []
        if self.unless:
            table, column = _names(rows)
            same = " AND ".join(f"has.{name} IS NOT DISTINCT FROM t.{name}" for name in self.unless)
            wanted += [f"NOT EXISTS (SELECT FROM {table} has WHERE has.{column} = %(to)s AND {same})"]
        return wanted


MOVES = Moves()


@dataclass(frozen=True)
class Special(Policy):
    """A table with rules of its own."""

    merges: Callable[[Handover], None]
    unmerges: Callable[[Handover], None]
    turn: int = THEN
    counts: Callable[[int], int] = lambda member: 0
    holds: Callable[[Sequence[int]], object] = lambda members: None

    def merge(self, rows: Rows, over: Handover) -> None:
        self.merges(over)

    def unmerge(self, rows: Rows, over: Handover) -> None:
        self.unmerges(over)

    def hold(self, members: Sequence[int]) -> None:
        self.holds(members)

    def going(self, rows: Rows, member: int) -> int:
        return self.counts(member)


def _move(
    rows: Rows, whose: int, to: int, wanted: Sequence[str], values: dict[str, Any], *, busy_stay: bool
) -> list[Any]:
    """In the order of ids, as everybody locks them. Returns the keys of the rows that went, as JSON can hold them."""
    table, column = _names(rows)
    conditions = " AND ".join([f"t.{column} = %(whose)s", *wanted])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS (SELECT t.id FROM {table} t WHERE {conditions} ORDER BY t.id
                              FOR NO KEY UPDATE OF t {"SKIP LOCKED" if busy_stay else ""}),
                went AS (UPDATE {table} t SET {column} = %(to)s FROM held
                         WHERE t.id = held.id AND t.{column} = %(whose)s RETURNING t.id)
                SELECT id FROM went ORDER BY id""",
            {"whose": whose, "to": to, **values},
        )
        return [str(key) if isinstance(key, UUID) else key for (key,) in cursor.fetchall()]


def _names(rows: Rows) -> tuple[str, str]:
    fields: Any = rows.model._meta
    return fields.db_table, fields.get_field(rows.member).column


def _type(model: type[Model]) -> str:
    fields: Any = model._meta
    return fields.get_field("id").rel_db_type(connection) or "bigint"
