"""A condition as a value: what `validate.parse` makes of the JSON, and what the compilers read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any

from cdp.conditions.vocabulary import Field, Property, Record
from cdp.models import Segment
from config.ground.durations import Duration

Typed = Field | Property


@dataclass(frozen=True)
class All:
    inner: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    inner: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    inner: Node


@dataclass(frozen=True)
class Compare:
    """A field against a value. Values are int, Decimal, str, bool, date, datetime, Duration, or a tuple of these.

    Inside the `where` of a Did the field is a property of its rows.
    """

    field: str
    op: str
    value: Any
    of: Typed = dataclass_field(compare=False, repr=False)  # as the vocabulary was when the tree was read


@dataclass(frozen=True)
class OfEvent:
    """A property of the event that asks: only where there is one."""

    field: str
    op: str
    value: Any
    of: Property = dataclass_field(compare=False, repr=False)  # of the type that the value has


@dataclass(frozen=True)
class Bound:
    op: str
    value: Any


@dataclass(frozen=True)
class Sum(Bound):
    """Of nothing it is 0."""

    name: str
    of: Property = dataclass_field(compare=False, repr=False)


@dataclass(frozen=True)
class Did:
    """So many rows of a record (orders, refunds, events of a type) in a window, up to the instant asked about."""

    what: str
    within: Duration | None = None
    since: datetime | None = None
    until: datetime | None = None
    count: Bound | None = None  # neither count nor sum: at least one
    sum: Sum | None = None
    where: Node | None = None  # over the rows' own properties: All, AnyOf, Not and Compare only
    of: Record = dataclass_field(compare=False, repr=False, kw_only=True)

    @property
    def asked(self) -> Iterator[Compare]:
        """What `where` compares."""
        return (leaf for leaf in leaves(self.where) if isinstance(leaf, Compare)) if self.where else iter(())

    @property
    def by_line(self) -> bool:
        """Single lines are looked at: it counts the rows that have such a line, and sums the lines themselves."""
        return any(isinstance(leaf.of, Property) and leaf.of.of_line for leaf in self.asked) or bool(
            self.sum and self.sum.of.of_line
        )


@dataclass(frozen=True)
class Consented:
    channel: str
    purpose: str


@dataclass(frozen=True)
class Tagged:
    """Carries a tag, not expired as of the instant asked about."""

    family: str
    name: str


@dataclass(frozen=True)
class InSegment:
    """Is counted to a segment, as it was last judged, whatever instant is asked about."""

    key: str
    of: Segment = dataclass_field(compare=False, repr=False)


Node = All | AnyOf | Not | Compare | OfEvent | Did | Consented | Tagged | InSegment


def leaves(node: Node) -> Iterator[Node]:
    """The predicates, in reading order; those of a `where` are part of theirs."""
    match node:
        case All(inner) | AnyOf(inner):
            for item in inner:
                yield from leaves(item)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield node
