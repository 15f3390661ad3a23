"""What a condition means: the plain reading of the tree, over the plain values of one member. Both engines are held to it.

A comparison with what is not known is false. Of whoever refuses to be judged what the profile says is neither true nor false
(None): `not` leaves it so, `all` and `any` see past it where another part decides, and at the top it does not match.
"""

from __future__ import annotations

import operator
import unicodedata
from calendar import isleap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from cdp.conditions import events
from cdp.conditions.tree import All, AnyOf, Compare, Consented, Did, InSegment, Node, Not, OfEvent, Tagged
from cdp.conditions.vocabulary import Field, Property, Row
from cdp.models.consent import Channel, State
from config.ground import clock
from config.ground.durations import Duration


@dataclass(frozen=True)
class Known:
    """All that conditions may ask of one member as of an instant."""

    as_of: datetime
    zone: ZoneInfo
    judged: bool = True  # False: refuses to be judged by the profile, or was erased
    facts: Mapping[str, Any] = field(default_factory=dict)  # field -> value, None when it is not known
    records: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # what `did` names -> rows up to the instant
    tags: frozenset[tuple[str, str]] = frozenset()  # (family, name), those in force
    segments: frozenset[str] = frozenset()  # their keys
    consents: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (channel, purpose) -> the word in force
    event: Mapping[str, Any] | None = None  # the properties of the event that asks

    @property
    def today(self) -> date:
        return clock.local_day(self.as_of, self.zone)


def holds(node: Node, known: Known) -> bool:
    return truth(node, known) is True


def truth(node: Node, known: Known) -> bool | None:
    match node:
        case All(inner):
            found = [truth(item, known) for item in inner]
            return False if False in found else None if None in found else True
        case AnyOf(inner):
            found = [truth(item, known) for item in inner]
            return True if True in found else None if None in found else False
        case Not(inner):
            found_inside = truth(inner, known)
            return None if found_inside is None else not found_inside
        case Compare():
            judges = isinstance(node.of, Field) and node.of.judges
            return None if judges and not known.judged else compare(node.op, actual(node, known), node.value, known)
        case OfEvent():
            return compare(node.op, actual(node, known), node.value, known)
        case Did():
            return _did(node, known)
        case Consented(channel, purpose):
            said = {known.consents.get((by, purpose)) for by in (channel, Channel.ANY.value)}
            return State.GRANTED in said and State.WITHDRAWN not in said
        case Tagged(family, name):
            return (family, name) in known.tags
        case InSegment(key):
            return key in known.segments


def actual(node: Compare | OfEvent, known: Known) -> Any:
    """What the member has where the condition asks."""
    if isinstance(node, Compare):
        return _normal(node.of, known.facts.get(node.field))
    if known.event is None:
        raise ValueError(f"{node} asks of an event, and there is none")
    return _normal(node.of, events.plain(known.event, node.field, node.of.type))


def _normal(of: Field | Property, value: Any) -> Any:
    return unicodedata.normalize("NFKC", value) if of.type == "text" and isinstance(value, str) else value


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "before": operator.lt,
    "after": operator.gt,
}


def compare(op: str, value: Any, wanted: Any, known: Known) -> bool:
    """`value` is what the member has, `wanted` what the condition says."""
    if op in ("is_set", "is_not_set"):
        return (value is None) == (op == "is_not_set")
    if value is None:
        return False
    if isinstance(wanted, Duration):
        return _in_time(op, value, wanted, known)
    if isinstance(value, float):
        wanted = tuple(map(float, wanted)) if isinstance(wanted, tuple) else float(wanted)
    match op:
        case "between":
            return wanted[0] <= value <= wanted[1]
        case "in":
            return value in wanted
        case "not_in":
            return value not in wanted
        case "contains" | "has":
            return wanted in value
        case "starts_with":
            return value.startswith(wanted)
        case "is":
            return value is wanted
        case "has_any":
            return any(item in value for item in wanted)
        case "has_all":
            return all(item in value for item in wanted)
        case "has_none":
            return not any(item in value for item in wanted)
    return _ORDERED[op](value, wanted)


def _in_time(op: str, value: date, length: Duration, known: Known) -> bool:
    """A day is held against the brand's day of the instant, an instant against the instant."""
    on_a_day = not isinstance(value, datetime)
    if op == "anniversary_within":
        return _anniversary(value if on_a_day else clock.local_day(value, known.zone), length.days, known.today)  # type: ignore[arg-type]
    here: date = known.today if on_a_day else known.as_of
    if op == "within_next":
        there = here + timedelta(days=length.days) if on_a_day else length.after(known.as_of, known.zone)
        return here < value <= there
    there = here - timedelta(days=length.days) if on_a_day else length.before(known.as_of, known.zone)
    return value <= there if op == "more_than_ago" else there < value <= here


def _anniversary(day: date, days: int, today: date) -> bool:
    """Today or within so many days; 29 February falls on the 28th where there is none; a day is not its own anniversary."""
    for n in range(days + 1):
        on = today + timedelta(days=n)
        leap = (day.month, day.day) == (2, 29) and (on.month, on.day) == (2, 28) and not isleap(on.year)
        if on > day and ((on.month, on.day) == (day.month, day.day) or leap):
            return True
    return False


@dataclass(frozen=True)
class Found:
    """What a `did` found of a member."""

    count: int
    sum: Fraction  # of nothing it is 0


def _did(node: Did, known: Known) -> bool:
    found = happened(node, known)
    if node.count is None and node.sum is None:
        return found.count > 0
    enough = node.count is None or _ORDERED[node.count.op](found.count, node.count.value)
    return enough and (node.sum is None or _ORDERED[node.sum.op](found.sum, Fraction(node.sum.value)))


def happened(node: Did, known: Known) -> Found:
    """How many rows in the window fulfil the `where`, and what those that add come to. Where lines are asked for, a row counts
    that has a line which fulfils it, and the lines that do are summed.
    """
    count, total = 0, Fraction(0)
    for row in known.records.get(node.what, ()):
        if not _in_window(row.at, node, known):
            continue
        candidates = [{**row.values, **line} for line in row.lines] if node.by_line else [row.values]
        fulfilled = [values for values in candidates if node.where is None or _fulfils(node.where, values, node, known)]
        count += bool(fulfilled and row.counts)
        if node.sum and row.adds:
            total += sum(Fraction(_summed(node, values)) for values in fulfilled)
    return Found(count, total)


def _in_window(at: datetime, node: Did, known: Known) -> bool:
    if at > known.as_of or (node.within and at <= node.within.before(known.as_of, known.zone)):
        return False
    return not (node.since and at < node.since) and not (node.until and at >= node.until)


def _fulfils(where: Node, values: Mapping[str, Any], node: Did, known: Known) -> bool:
    match where:
        case All(inner):
            return all(_fulfils(item, values, node, known) for item in inner)
        case AnyOf(inner):
            return any(_fulfils(item, values, node, known) for item in inner)
        case Not(inner):
            return not _fulfils(inner, values, node, known)
        case Compare(name, op, wanted):
            value = events.plain(values, name, where.of.type) if node.of.open else values.get(name)
            return compare(op, _normal(where.of, value), wanted, known)
    raise ValueError(f"{where} is nothing that rows can be asked")


def _summed(node: Did, values: Mapping[str, Any]) -> int | Decimal:
    assert node.sum
    if node.of.open:
        return events.plain(values, node.sum.name, "number") or 0
    name = node.of.properties[node.sum.name].by_line if node.by_line else ""
    return values.get(name or node.sum.name) or 0
