"""What is sealed, in every room: each room declares its sealed columns here, so that a change of keys forgets none.

A test fails for a column that holds sealed values and is not declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Model

from config.ground import crypto
from config.ground.models import Answer, ApiKey, JobPart, WrappedKey
from config.ground.registry import Registry

Pairs = Sequence[tuple[bytes, bytes]]  # a blind as it was, and as it is


LARGE = 10  # rows of a megabyte


@dataclass(frozen=True)
class Blind:
    """The blind of a sealed value, in the same row: of the columns `after`, then of the value."""

    after: tuple[str, ...]
    column: str = "blind"
    version: str = "blind_key"


@dataclass(frozen=True)
class Sealed:
    """A column under FIELD_KEY. `opens` raises when what was opened is not what belongs there; None: any bytes do."""

    model: type[Model]
    column: str
    blind: Blind | None = None
    opens: Callable[[str], object] | None = str
    rows: int | None = None  # that are sealed anew at once, when the usual number is too much

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        return str(self.model._meta.pk.column)

    @property
    def label(self) -> str:
        return f"{self.model._meta.label}.{self.column}"

    @property
    def columns(self) -> str:
        """What a row is read by: its key, what is sealed, what comes before it in its blind, the blind, its version."""
        blind = [*self.blind.after, self.blind.column, self.blind.version] if self.blind else []
        return ", ".join([self.key, self.column, *blind])

    def by_key(self) -> dict[str, int]:
        """How many rows are sealed under each key."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT substring({self.column} FROM 1 FOR get_byte({self.column}, 0) + 1), count(*)
                    FROM {self.table} WHERE {self.column} IS NOT NULL GROUP BY 1"""
            )
            return {crypto.sealed_under(bytes(start)): count for start, count in cursor.fetchall()}

    def looked_up_with(self, version: str) -> int:
        """How many rows have a blind under this version."""
        if self.blind is None:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table} WHERE {self.blind.version} = %s", [version])
            return int(cursor.fetchone()[0])

    def faults(self, row: Sequence[object], sealed: bytes) -> list[str]:
        """What is wrong with a row, `row` being all of its columns from the third on."""
        try:
            content = crypto.unseal_bytes(sealed)
            if self.opens is None:
                return []
            clear = content.decode()
            self.opens(clear)
        except crypto.Unreadable as error:
            return [str(error)]
        except (ValueError, TypeError):
            return ["what was opened is not what belongs here"]
        if self.blind is None:
            return []
        *after, blind, version = row
        right = crypto.blind(str(version), *map(str, after), clear)
        return [] if right == bytes(blind) else [f"its blind is not that of its value under {version}"]  # type: ignore[call-overload]


@dataclass(frozen=True)
class Followers:
    """Tables that hold the blinds of another's sealed values. `follow` runs in the transaction that changes those."""

    follow: Callable[[Pairs, str], None]
    stuck: Callable[[str], Mapping[str, int]]  # version -> rows that nothing can change any more but that are looked up


SEALED: Registry[Sealed] = Registry("sealed column")
UNDER_MEMBERS: set[str] = set()  # columns sealed under members' data keys, which a change of FIELD_KEY leaves alone
FOLLOWERS: Registry[Followers] = Registry("follower of blinds")


def declare(
    model: type[Model],
    column: str,
    *,
    blind: Blind | None = None,
    opens: Callable[[str], object] | None = str,
    rows: int | None = None,
) -> None:
    sealed = Sealed(model, column, blind, opens, rows)
    SEALED.add(sealed.label, sealed)


def declare_under_members(model: type[Model], column: str) -> None:
    UNDER_MEMBERS.add(f"{model._meta.label}.{column}")


declare(ApiKey, "signing_secret")
declare(Answer, "sealed")
declare(JobPart, "sealed", opens=None, rows=LARGE)
declare(WrappedKey, "sealed", opens=bytes.fromhex)
