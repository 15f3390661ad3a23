"""What an erasure does with the rows of a table, and how they are shown to whom they tell of. Every table with a member declares
one of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from cdp.handover import Rows

Shown = list[dict[str, Any]]
# The columns that are shown, or what makes the rows of these members.
Export = Sequence[str] | Callable[[Sequence[int]], Shown]


class Erase(ABC):
    """`run` answers how many rows it changed. Running it again changes what came in meanwhile, and nothing else."""

    @abstractmethod
    def run(self, rows: Rows, members: Sequence[int], *, now: datetime) -> int: ...


@dataclass(frozen=True)
class Kept(Erase):
    """Nothing in these rows is personal once the member is a tombstone; `why` they stay."""

    why: str

    def run(self, rows: Rows, members: Sequence[int], *, now: datetime) -> int:
        return 0


class Deleted(Erase):
    def run(self, rows: Rows, members: Sequence[int], *, now: datetime) -> int:
        table, column = _names(rows.model, rows.member)
        return _count(
            f"""DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {column} = ANY(%(members)s)
                                                 ORDER BY id FOR UPDATE)""",
            {"members": list(members)},
        )


@dataclass(frozen=True)
class Emptied(Erase):
    """The rows stay without what may be personal. `empty`: column -> SQL of what it holds then; `only`: SQL on a row `t`.
    `busy`: a row that somebody holds is left to the next run, since whoever holds it may be waiting for the member.
    """

    empty: Mapping[str, str]
    only: str = "true"
    key: str = "id"
    busy: bool = False

    def run(self, rows: Rows, members: Sequence[int], *, now: datetime) -> int:
        table, column = _names(rows.model, rows.member)
        full = " OR ".join(f"t.{name} IS DISTINCT FROM {empty}" for name, empty in self.empty.items())
        into = ", ".join(f"{name} = {empty}" for name, empty in self.empty.items())
        return _count(
            f"""WITH held AS (SELECT {self.key} FROM {table} t
                              WHERE t.{column} = ANY(%(members)s) AND ({self.only}) AND ({full})
                              ORDER BY {self.key} FOR NO KEY UPDATE {"SKIP LOCKED" if self.busy else ""})
                UPDATE {table} SET {into} WHERE ({self.key}) IN (SELECT {self.key} FROM held)""",
            {"members": list(members)},
        )


@dataclass(frozen=True)
class By(Erase):
    """A table with rules of its own."""

    verb: Callable[..., int]  # (members, *, now) -> rows changed

    def run(self, rows: Rows, members: Sequence[int], *, now: datetime) -> int:
        return self.verb(members, now=now)


DELETED = Deleted()


def show(rows: Rows, export: Export, members: Sequence[int]) -> Shown:
    """The rows of these members, as their own data: names of columns, values in the clear."""
    if callable(export):
        return export(members)
    found = rows.model._default_manager.filter(**{f"{rows.member}__in": members}).order_by("pk")
    return list(found.values(*export))


def _names(model: type[Model], member: str) -> tuple[str, str]:
    meta: Any = model._meta
    return meta.db_table, meta.get_field(member).column


def _count(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)
