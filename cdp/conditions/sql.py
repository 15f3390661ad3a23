"""The set engine: a tree becomes one SQL expression over Member, evaluated for everybody in one statement.

A comparison with an unknown value is NULL, which a WHERE reads as false; only under `not` must that be said aloud. What the
profile says of whoever refuses to be judged stays unknown under `not` too, and SQL's three values carry it to the top.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    Count,
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
from django.db.models.functions import Coalesce

from cdp.conditions.tree import All, AnyOf, Bound, Compare, Consented, Did, Node, Not
from cdp.conditions.validate import parse
from cdp.conditions.vocabulary import FIELDS
from cdp.features.net import Kept, Net
from cdp.models import Consent, Event, Member, Order, Refund
from cdp.models.consent import Channel, State
from cdp.profiling import not_judged
from config.ground import clock


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
            judges = FIELDS.get(node.field).judges
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


def _truth(asked: Q) -> ExpressionWrapper:
    return ExpressionWrapper(asked, output_field=BooleanField())


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
}


def _compare(node: Compare, as_of: datetime) -> Any:
    field = FIELDS.get(node.field)
    actual: Any = field.expression(as_of)
    if node.op in ("is_set", "is_not_set"):
        return lookups.IsNull(actual, node.op == "is_not_set")
    if field.type == "text":
        actual = Nfkc(actual)
    if node.op == "between":
        low, high = node.value
        return Q(lookups.GreaterThanOrEqual(actual, low)) & Q(lookups.LessThanOrEqual(actual, high))
    if node.op == "not_in":
        return Q(lookups.IsNull(actual, False)) & ~Q(lookups.In(actual, list(node.value)))
    if node.op in _RELATIVE:
        return _RELATIVE[node.op](actual, node.value, as_of)
    return _ORDER[node.op](actual, list(node.value) if node.op == "in" else node.value)


def _within_last(actual: Any, length: Any, as_of: datetime) -> Q:
    return Q(lookups.GreaterThan(actual, length.before(as_of, clock.zone()))) & Q(
        lookups.LessThanOrEqual(actual, as_of)
    )


def _more_than_ago(actual: Any, length: Any, as_of: datetime) -> Q:
    return Q(lookups.LessThanOrEqual(actual, length.before(as_of, clock.zone())))


def _within_next(actual: Any, length: Any, as_of: datetime) -> Q:
    return Q(lookups.GreaterThan(actual, as_of)) & Q(lookups.LessThanOrEqual(actual, length.after(as_of, clock.zone())))


_RELATIVE: dict[str, Callable[[Any, Any, datetime], Q]] = {
    "within_last": _within_last,
    "more_than_ago": _more_than_ago,
    "within_next": _within_next,
}


def _did(node: Did, as_of: datetime) -> Q:
    rows, at, member = _facts(node.what, as_of)
    rows = rows.filter(**{member: OuterRef("pk"), f"{at}__lte": as_of})
    if node.within:
        rows = rows.filter(**{f"{at}__gt": node.within.before(as_of, clock.zone())})
    if node.since:
        rows = rows.filter(**{f"{at}__gte": node.since})
    if node.until:
        rows = rows.filter(**{f"{at}__lt": node.until})
    if node.count is None and node.sum is None:
        return Q(Exists(rows))
    asked = Q()
    if node.count:
        asked &= _bounded(rows, member, Count("*"), node.count)
    if node.sum:
        asked &= _bounded(rows, member, Sum(Net(as_of) if node.what == "order" else "amount"), node.sum)
    return asked


def _facts(what: str, as_of: datetime) -> tuple[QuerySet[Any], str, str]:
    """The rows of a kind, the column of their instant, and the way to their member. Orders refunded in full are none."""
    if what == "order":
        return Order.objects.filter(Kept(as_of)), "placed_at", "member"
    if what == "refund":
        return Refund.objects.all(), "refunded_at", "order__member"
    return Event.objects.filter(type=what), "occurred_at", "member"


def _bounded(rows: QuerySet[Any], member: str, figure: Any, bound: Bound) -> Q:
    if isinstance(figure, Count) and (bound.op, bound.value) == (">=", 1):
        return Q(Exists(rows))
    if isinstance(figure, Count) and (bound.op, bound.value) == ("=", 0):
        return ~Q(Exists(rows))
    total = Subquery(rows.order_by().values(member).annotate(figure=figure).values("figure"))
    return Q(_ORDER[bound.op](Coalesce(total, 0), bound.value))
