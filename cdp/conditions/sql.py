"""The set engine: a tree becomes one SQL expression over Member, evaluated for everybody in one statement.

A comparison with an unknown value is NULL, which a WHERE reads as false; only under `not` must that be said aloud. What the
profile says of whoever refuses to be judged stays unknown under `not` too, and SQL's three values carry it to the top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.fields.array import ArrayContains, ArrayOverlap  # type: ignore[attr-defined]
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DateField,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    lookups,
)
from django.db.models.functions import Coalesce, TruncDate

from cdp import tags
from cdp.conditions import events
from cdp.conditions.tree import All, AnyOf, Bound, Compare, Consented, Did, InSegment, Node, Not, OfEvent, Tagged
from cdp.conditions.validate import parse
from cdp.conditions.vocabulary import Field
from cdp.models import Consent, Member, MemberTag, SegmentMember
from cdp.models.consent import Channel, State
from cdp.profiling import not_judged
from config.ground import clock
from config.ground.durations import Duration


def matching(
    tree: dict[str, Any] | Node, *, as_of: datetime, event: Mapping[str, Any] | None = None
) -> QuerySet[Member]:
    """Who fulfils the condition as of an instant, asked by an event with these properties. Raises InvalidCondition."""
    node = parse(tree, event=event is not None) if isinstance(tree, dict) else tree
    said = None if event is None else Value(event, output_field=JSONField())
    return Member.objects.filter(compile(node, as_of=as_of, event=said), merged_into=None)


TEXTS = ArrayField(TextField())
DECIMAL = DecimalField(max_digits=38, decimal_places=9)
# What a comparison reads, as an expression.
Reads = Callable[[Compare | OfEvent], Any]


def compile(node: Node, *, as_of: datetime, event: Any = None) -> Q:
    """One expression over Member. `event`: an expression, the JSON of the event that asks; to ask of none is a mistake."""

    def reads(leaf: Compare | OfEvent) -> Any:
        if isinstance(leaf, Compare):
            return leaf.of.expression(as_of)
        if event is None:
            raise ValueError(f"{leaf} asks of an event, and there is none")
        return events.expression(leaf.field, leaf.of.type, event)

    return _compile(node, as_of, reads, exact=False)


def _compile(node: Node, as_of: datetime, reads: Reads, *, exact: bool) -> Q:
    """`exact`: what is not known is said to be false, so that it can be turned round; false costs an index elsewhere."""
    match node:
        case All(inner):
            return reduce(and_, (_compile(item, as_of, reads, exact=exact) for item in inner))
        case AnyOf(inner):
            return reduce(or_, (_compile(item, as_of, reads, exact=exact) for item in inner))
        case Not(inner):
            return ~Q(_truth(_compile(inner, as_of, reads, exact=True)))
        case Compare() | OfEvent():
            return _compared(node, as_of, reads, exact=exact)
        case Did():
            return _did(node, as_of)
        case Consented(channel, purpose):
            said = Consent.objects.filter(
                member=OuterRef("pk"), channel__in={channel, Channel.ANY.value}, purpose=purpose, at__lte=as_of
            )
            return Q(Exists(said.filter(state=State.GRANTED)) & ~Exists(said.filter(state=State.WITHDRAWN)))
        case Tagged():
            return _carried(node, as_of)
        case InSegment(key):
            return Q(Exists(SegmentMember.objects.filter(segment__key=key, member=OuterRef("pk"))))


def _compared(node: Compare | OfEvent, as_of: datetime, reads: Reads, *, exact: bool) -> Q:
    asked = Q(_compare(node, reads(node), as_of))
    judges = isinstance(node.of, Field) and node.of.judges
    if exact:
        known = Coalesce(_truth(asked), Value(False))
        return Q(Case(When(not_judged(), then=None), default=known) if judges else known)
    return asked & ~not_judged() if judges else asked


def _truth(asked: Q) -> ExpressionWrapper:
    return ExpressionWrapper(asked, output_field=BooleanField())


def _carried(node: Tagged, as_of: datetime) -> Q:
    carried = MemberTag.objects.filter(tags.in_force(as_of), member=OuterRef("pk"))
    return Q(Exists(carried.filter(tag__family=node.family, tag__name=node.name)))


class Nfkc(Func):
    template = "normalize(%(expressions)s, NFKC)"
    output_field = TextField()


class NotEqual(lookups.Exact):
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} <> {right}", (*left_params, *right_params)


_ORDER: dict[str, type[lookups.Lookup]] = {
    "=": lookups.Exact,
    "!=": NotEqual,
    ">": lookups.GreaterThan,
    ">=": lookups.GreaterThanOrEqual,
    "<": lookups.LessThan,
    "<=": lookups.LessThanOrEqual,
    "before": lookups.LessThan,
    "after": lookups.GreaterThan,
    "contains": lookups.Contains,
    "starts_with": lookups.StartsWith,
    "in": lookups.In,
    "is": lookups.Exact,
}


def _compare(node: Compare | OfEvent, actual: Any, as_of: datetime) -> Any:
    if node.op in ("is_set", "is_not_set"):
        return lookups.IsNull(actual, node.op == "is_not_set")
    if node.of.type == "text":
        actual = Nfkc(actual)
    if node.op == "between":
        low, high = map(_exact, node.value)
        return Q(lookups.GreaterThanOrEqual(actual, low)) & Q(lookups.LessThanOrEqual(actual, high))
    if node.op == "not_in":
        return Q(lookups.IsNull(actual, False)) & ~Q(lookups.In(actual, list(node.value)))
    if node.op == "anniversary_within":
        day = actual if node.of.type == "date" else TruncDate(actual, tzinfo=clock.zone())
        return _anniversary(day, node.value.days, clock.local_day(as_of, clock.zone()))
    if node.op in _RELATIVE:
        ends = _days if node.of.type == "date" else _instants
        return _RELATIVE[node.op](actual, *ends(node.op, node.value, as_of))
    if node.op in _MEMBERSHIP:
        wanted = list(node.value) if isinstance(node.value, tuple) else [node.value]
        return _MEMBERSHIP[node.op](actual, Value(wanted, output_field=TEXTS))
    return _ORDER[node.op](actual, list(node.value) if node.op == "in" else _exact(node.value))


def _exact(value: Any) -> Any:
    """A decimal against a column of whole numbers stays what it is, and is not cut to a whole number."""
    return Value(value, output_field=DECIMAL) if isinstance(value, Decimal) else value


def _instants(op: str, length: Duration, as_of: datetime) -> tuple[datetime, datetime]:
    """The instant asked about, and the other end of the window."""
    move = length.after if op == "within_next" else length.before
    return as_of, move(as_of, clock.zone())


def _days(op: str, length: Duration, as_of: datetime) -> tuple[date, date]:
    today = clock.local_day(as_of, clock.zone())
    return today, today + timedelta(days=length.days if op == "within_next" else -length.days)


def _between(actual: Any, after: Any, upto: Any) -> Q:
    return Q(lookups.GreaterThan(actual, after)) & Q(lookups.LessThanOrEqual(actual, upto))


_RELATIVE: dict[str, Callable[[Any, Any, Any], Q]] = {
    "within_last": lambda actual, here, there: _between(actual, there, here),
    "more_than_ago": lambda actual, here, there: Q(lookups.LessThanOrEqual(actual, there)),
    "within_next": lambda actual, here, there: _between(actual, here, there),
}
_MEMBERSHIP: dict[str, Callable[[Any, Any], Q]] = {
    "has": lambda actual, wanted: Q(ArrayContains(actual, wanted)),
    "has_all": lambda actual, wanted: Q(ArrayContains(actual, wanted)),
    "has_any": lambda actual, wanted: Q(ArrayOverlap(actual, wanted)),
    "has_none": lambda actual, wanted: Q(lookups.IsNull(actual, False)) & ~Q(ArrayOverlap(actual, wanted)),
}


class Anniversary(Func):
    """(day, year) -> the day of that year; 29 February falls on the 28th where there is none."""

    function = "cdp_anniversary"
    output_field = DateField()


def _anniversary(day: Any, days: int, today: date) -> Q:
    """Today or within so many days; a day is not its own anniversary."""
    found = Q()
    for year in (today.year, today.year + 1):
        at = Anniversary(day, Value(year))
        last = today + timedelta(days=days)
        found |= (
            Q(lookups.GreaterThanOrEqual(at, today))
            & Q(lookups.LessThanOrEqual(at, last))
            & Q(lookups.GreaterThan(at, day))
        )
    return found


def _did(node: Did, as_of: datetime) -> Q:
    rows = _asked(node, _in_window(node, as_of), as_of)
    counted = (
        rows.filter(node.of.counts(as_of)) if node.of.counts else rows
    )  # all orders have a worth, not all are purchases
    if node.count is None and node.sum is None:
        return Q(Exists(counted))
    asked = Q()
    if node.count:
        asked &= _bounded(counted, Count("pk", distinct=True) if node.by_line else Count("*"), node.count)
    if node.sum:
        whole = node.sum.name == "amount" and not node.by_line  # of what was refunded in full it is 0 anyhow
        summed = rows.filter(node.of.adds(as_of)) if node.of.adds and not whole else rows
        asked &= _bounded(summed, Sum(node.sum.of.expression(as_of)), node.sum)
    return asked


def _in_window(node: Did, as_of: datetime) -> QuerySet[Any]:
    at = node.of.at
    rows = node.of.rows().filter(**{"member": OuterRef("pk"), f"{at}__lte": as_of})
    if node.within:
        rows = rows.filter(**{f"{at}__gt": node.within.before(as_of, clock.zone())})
    if node.since:
        rows = rows.filter(**{f"{at}__gte": node.since})
    if node.until:
        rows = rows.filter(**{f"{at}__lt": node.until})
    return rows


def _asked(node: Did, rows: QuerySet[Any], as_of: datetime) -> QuerySet[Any]:
    """The rows, or their lines, that fulfil the `where`. Each property is joined once, so that all of them are of one line."""
    if node.by_line:
        rows = rows.alias(line=F(f"{node.of.lines}__pk")).filter(line__isnull=False)
    names: dict[tuple[str, str], str] = {}
    for leaf in node.asked:
        names.setdefault((leaf.field, leaf.of.type), f"asked_{len(names)}")
        rows = rows.alias(**{names[leaf.field, leaf.of.type]: leaf.of.expression(as_of)})
    if node.where:
        rows = rows.filter(_compile(node.where, as_of, lambda leaf: F(names[leaf.field, leaf.of.type]), exact=False))
    return rows


def _bounded(rows: QuerySet[Any], figure: Any, bound: Bound) -> Q:
    if isinstance(figure, Count) and (bound.op, bound.value) == (">=", 1):
        return Q(Exists(rows))
    if isinstance(figure, Count) and (bound.op, bound.value) == ("=", 0):
        return ~Q(Exists(rows))
    total = Subquery(rows.order_by().values("member").annotate(figure=figure).values("figure"))
    return Q(
        _ORDER[bound.op](Coalesce(total, Value(0), output_field=DECIMAL), Value(bound.value, output_field=DECIMAL))
    )
