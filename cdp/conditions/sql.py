"""The set engine: a tree becomes one SQL expression over Member, evaluated for everybody in one statement.

A comparison with an unknown value is NULL, which a WHERE reads as false; only under `not` must that be said aloud. What the
profile says of whoever refuses to be judged stays unknown under `not` too, and SQL's three values carry it to the top.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.fields.array import ArrayContains, ArrayOverlap  # type: ignore[attr-defined]
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DateField,
    Exists,
    ExpressionWrapper,
    Func,
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
from cdp.conditions.tree import All, AnyOf, Bound, Compare, Consented, Did, Node, Not, Tagged
from cdp.conditions.validate import parse
from cdp.features.net import Kept, Net
from cdp.models import Consent, Event, Member, MemberTag, Order, Refund
from cdp.models.consent import Channel, State
from cdp.profiling import not_judged
from config.ground import clock
from config.ground.durations import Duration


def matching(tree: dict[str, Any] | Node, *, as_of: datetime) -> QuerySet[Member]:
    """Who fulfils the condition as of an instant. Raises InvalidCondition."""
    node = parse(tree) if isinstance(tree, dict) else tree
    return Member.objects.filter(compile(node, as_of=as_of), merged_into=None)


def compile(node: Node, *, as_of: datetime, exact: bool = False) -> Q:
    """`exact`: what is not known is said to be false, so that it can be turned round; false costs an index elsewhere."""
    match node:
        case All(inner):
            return reduce(and_, (compile(item, as_of=as_of, exact=exact) for item in inner))
        case AnyOf(inner):
            return reduce(or_, (compile(item, as_of=as_of, exact=exact) for item in inner))
        case Not(inner):
            return ~Q(_truth(compile(inner, as_of=as_of, exact=True)))
        case Compare():
            asked = Q(_compare(node, as_of))
            judges = node.of.judges
            if exact:
                known = Coalesce(_truth(asked), Value(False))
                return Q(Case(When(not_judged(), then=None), default=known) if judges else known)
            return asked & ~not_judged() if judges else asked
        case Did():
            return _did(node, as_of)
        case Consented(channel, purpose):
            said = Consent.objects.filter(
                member=OuterRef("pk"), channel__in={channel, Channel.ANY.value}, purpose=purpose, at__lte=as_of
            )
            return Q(Exists(said.filter(state=State.GRANTED)) & ~Exists(said.filter(state=State.WITHDRAWN)))
        case Tagged():
            return _carried(node, as_of)


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


def _compare(node: Compare, as_of: datetime) -> Any:
    actual: Any = node.of.expression(as_of)
    if node.op in ("is_set", "is_not_set"):
        return lookups.IsNull(actual, node.op == "is_not_set")
    if node.of.type == "text":
        actual = Nfkc(actual)
    if node.op == "between":
        low, high = node.value
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
        return _MEMBERSHIP[node.op](actual, list(node.value) if isinstance(node.value, tuple) else [node.value])
    return _ORDER[node.op](actual, list(node.value) if node.op == "in" else node.value)


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
_MEMBERSHIP: dict[str, Callable[[Any, list[str]], Q]] = {
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
    rows, at = _facts(node.what)
    rows = rows.filter(**{"member": OuterRef("pk"), f"{at}__lte": as_of})
    if node.within:
        rows = rows.filter(**{f"{at}__gt": node.within.before(as_of, clock.zone())})
    if node.since:
        rows = rows.filter(**{f"{at}__gte": node.since})
    if node.until:
        rows = rows.filter(**{f"{at}__lt": node.until})
    orders = node.what == "order"
    counted = rows.filter(Kept(as_of)) if orders else rows  # all orders have a worth, not all are purchases
    if node.count is None and node.sum is None:
        return Q(Exists(counted))
    asked = Q()
    if node.count:
        asked &= _bounded(counted, Count("*"), node.count)
    if node.sum:
        asked &= _bounded(rows, Sum(Net(as_of) if orders else "amount"), node.sum)
    return asked


def _facts(what: str) -> tuple[QuerySet[Any], str]:
    """The rows of a kind, and the column of their instant."""
    if what == "order":
        return Order.objects.all(), "placed_at"
    if what == "refund":
        return Refund.objects.all(), "refunded_at"
    return Event.objects.filter(type=what), "occurred_at"


def _bounded(rows: QuerySet[Any], figure: Any, bound: Bound) -> Q:
    if isinstance(figure, Count) and (bound.op, bound.value) == (">=", 1):
        return Q(Exists(rows))
    if isinstance(figure, Count) and (bound.op, bound.value) == ("=", 0):
        return ~Q(Exists(rows))
    total = Subquery(rows.order_by().values("member").annotate(figure=figure).values("figure"))
    return Q(_ORDER[bound.op](Coalesce(total, 0), bound.value))
