"""A row of a file on its way to ingest: what holds for all rows, and which member it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cdp import placeholders
from cdp.attributes import Declared
from cdp.ingest.files import cells
from cdp.ingest.files.mapping import names_member

Row = dict[str, Any]  # our column -> cell


@dataclass
class Terms:
    """What holds for every row of a file."""

    zone: str
    currency: str
    rest: list[str]  # columns that this kind does not know
    members: list[str]  # columns that name the member
    declared: dict[str, Declared]  # attributes that have a type
    said: Counter[str] = field(default_factory=Counter)  # events without an id, by what they say


class Made(NamedTuple):
    """One thing as ingest takes it, and which of the rows it was made of."""

    takes: str  # the kind that ingest knows
    item: Row
    rows: Sequence[int]


def drop_placeholders(row: Row, terms: Terms) -> int:
    """Empty the cells that name nobody, so that all who are nobody do not become one member. Returns how many there were."""
    dropped = 0
    for column in terms.members:
        cell = row.get(column)
        if cell is None or cell == "":
            continue
        if column == "identities":
            said = cells.parts(row, column)
            row[column] = [one for one in said if not placeholders.names_nobody(*_named(one))]
            dropped += len(said) - len(row[column])
        elif not isinstance(cell, (list, dict)) and placeholders.names_nobody(column.partition("@")[0], str(cell)):
            dropped += bool(str(cell).strip())
            row[column] = ""
    return dropped


def _named(identity: str) -> tuple[str, str]:
    """Its kind and its value; what is no identity stays whole, to be refused."""
    name, colon, value = identity.partition(":")
    return name.partition("@")[0], value if colon else identity


def named_by(row: Row, terms: Terms) -> list[tuple[str, str]]:
    """(column, identity) of every filled column that names the member."""
    named = []
    for column in terms.members:
        if column == "identities":
            named += [(column, one) for one in cells.parts(row, column)]
        elif value := cells.text(row, column):
            named.append((column, f"{column}:{value}"))
    return named


def identities_of(row: Row, terms: Terms) -> list[str]:
    return [one for _column, one in named_by(row, terms)]


def members_of(names: Sequence[str]) -> list[str]:
    return [name for name in names if names_member(name)]
