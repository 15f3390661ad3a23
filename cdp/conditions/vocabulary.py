"""What conditions may ask, declared once by the room whose table holds it, or by the brand: one value per member (Field), and
rows of a member that happened at an instant (Record), each with values of its own (Property).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Expression, F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.ground.registry import Registry

Text = str | Promise
SHARE = _("share, 0 to 1")  # a unit; people read it as a percentage

_ORDERED = ("=", "!=", ">", ">=", "<", "<=", "between")
_TIMES = ("before", "after", "between", "within_last", "more_than_ago", "within_next", "anniversary_within")
_SET = ("is_set", "is_not_set")
OPERATORS: dict[str, tuple[str, ...]] = {
    "number": _ORDERED + _SET,
    "money": _ORDERED + _SET,
    "text": ("=", "!=", "in", "not_in", "contains", "starts_with", *_SET),
    "choice": ("=", "!=", "in", "not_in", *_SET),
    "time": (*_TIMES, *_SET),
    "date": (*_TIMES, *_SET),
    "boolean": ("is", *_SET),
    "list": ("has", "has_any", "has_all", "has_none", *_SET),
    "any": _SET,  # of a property of an event: whether it is there at all
}


@dataclass(frozen=True)
class Field:
    label: Text
    type: str  # a key of OPERATORS; money is integer fen
    expression: Callable[[datetime], Expression | F]  # over Member, as of an instant
    unit: Text = ""
    choices: tuple[tuple[str, Text], ...] = ()
    historical: bool = False  # can be known as of a past instant from today's tables
    source: Text = ""  # which rows it is made of
    definition: Text = ""  # what it means, in a sentence
    judges: bool = False  # of the profile: of whoever refuses to be judged it is unknown, under `not` too
    operators: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operators", OPERATORS[self.type])


FIELDS: Registry[Field] = Registry("field")


@dataclass(frozen=True)
class Property:
    """One value of each row of a record, or of each of a row's lines."""

    label: Text
    type: str  # a key of OPERATORS; money is integer fen
    expression: Callable[[datetime], Any]  # over the record's rows, as of an instant
    unit: Text = ""
    choices: tuple[tuple[str, Text], ...] = ()
    of_line: bool = False
    by_line: str = ""  # what is summed instead of it where single lines are looked at
    operators: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operators", OPERATORS[self.type])


@dataclass(frozen=True)
class Row:
    """One thing that happened, as a plain value: what the definition reads."""

    at: datetime
    values: Mapping[str, Any]  # by the name of the property; what is not known is None, or is not there
    lines: Sequence[Mapping[str, Any]] = ()
    counts: bool = True  # as one of its kind
    adds: bool = True  # to sums


Rows = dict[int, list[Row]]  # by member


@dataclass(frozen=True)
class Record:
    """Rows of a member with an instant. Only those up to the instant asked about are ever asked for."""

    label: Text
    rows: Callable[[], QuerySet[Any]]  # with a column `member`
    at: str  # the column of their instant
    properties: Mapping[str, Property]
    read: Callable[[Sequence[int], datetime], Rows]  # the same rows as plain values
    counts: Callable[[datetime], Q] | None = None  # which rows are counted; None: all
    adds: Callable[[datetime], Q] | None = (
        None  # which rows are summed; None: all. Of `amount` all, whatever is said here
    )
    lines: str = ""  # how the rows call their lines
    open: bool = False  # any other property may be asked for, and is what it is compared with
    historical: bool = True


RECORDS: Registry[Record] = Registry("record")


# What is declared in tables, and so may be another thing tomorrow: asked when a name is not in FIELDS, or for all names.
DECLARED: list[Callable[[], dict[str, Field]]] = []


def known() -> dict[str, Field]:
    """Every field that conditions may ask now; a field of the code is never replaced by a declared one."""
    return {name: field for more in DECLARED for name, field in more().items()} | dict(FIELDS.items())


def declare(name: str, label: Text, type: str, expression: Callable[[datetime], Any], **more: Any) -> None:
    FIELDS.add(name, Field(label, type, expression, **more))


def column(path: str) -> Callable[[datetime], F]:
    """A column that holds the value as it is, whatever the instant."""
    return lambda as_of: F(path)


OPERATOR_NAMES: dict[str, Text] = {
    "=": _("is"),
    "!=": _("is not"),
    ">": _("above"),
    ">=": _("at least"),
    "<": _("below"),
    "<=": _("at most"),
    "between": _("between"),
    "in": _("is one of"),
    "not_in": _("is none of"),
    "contains": _("contains"),
    "starts_with": _("starts with"),
    "before": _("before"),
    "after": _("after"),
    "within_last": _("within the last"),
    "more_than_ago": _("longer ago than"),
    "within_next": _("within the next"),
    "anniversary_within": _("has its anniversary today or within the next"),
    "is": _("is"),
    "has": _("contains"),
    "has_any": _("contains one of"),
    "has_all": _("contains all of"),
    "has_none": _("contains none of"),
    "is_set": _("is known"),
    "is_not_set": _("is not known"),
}
