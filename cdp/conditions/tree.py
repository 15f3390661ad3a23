"""A condition as a value: what `validate.parse` makes of the JSON, and what the compilers read."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any

from cdp.conditions.vocabulary import Field
from config.ground.durations import Duration


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
    """A field against a value. Values are int, Decimal, str, bool, date, datetime, Duration, or a tuple of these."""

    field: str
    op: str
    value: Any
    of: Field = dataclass_field(compare=False, repr=False)  # what the vocabulary said of it when the tree was read


@dataclass(frozen=True)
class Bound:
    op: str
    value: Any


@dataclass(frozen=True)
class Did:
    """So many orders, refunds, or events of a type, in a window that ends at the instant asked about at the latest."""

    what: str
    within: Duration | None = None
    since: datetime | None = None
    until: datetime | None = None
    count: Bound | None = None  # neither count nor sum: at least one
    sum: Bound | None = None  # of the net amount (fen); orders and refunds only


@dataclass(frozen=True)
class Consented:
    channel: str
    purpose: str


@dataclass(frozen=True)
class Tagged:
    """Carries a tag, not expired as of the instant asked about."""

    family: str
    name: str


Node = All | AnyOf | Not | Compare | Did | Consented | Tagged
