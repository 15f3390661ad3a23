"""Purchases: recency, frequency, monetary, intervals, windows. Sums and instants, as of an instant, for any set of members.

Intervals between consecutive purchase days telescope: their sum is the last purchase day less the first, their number one
less than the days. The expected interval is shrunk towards the population's base: (k base + sum) / (k + number).
A window of n days reaches from the day of as_of - (n - 1) to the day of as_of; a day leaves it at the local midnight n days on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, F, FloatField, Func, IntegerField, SmallIntegerField, TextField, Value, When
from django.db.models.functions import Cast, NullIf
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import Field, column
from cdp.features import rfm
from cdp.features.family import Family, chosen
from cdp.features.net import beside, purchases
from cdp.features.tagged import TAGS
from cdp.models import Profile
from cdp.models.profile import MallStage, Stage, ValueTier
from cdp.profiling import judged
from config.ground import clock

WINDOWS = (30, 90, 365)
_TODAY = "(%(as_of)s AT TIME ZONE %(tz)s)::date"


def _within(days: int) -> str:
    return f"FILTER (WHERE day >= {_TODAY} - {days - 1})"


def _each(part: str) -> str:
    return ", ".join(part.format(n=n, within=_within(n)) for n in WINDOWS)


_LEAVES = "least(" + _each("min(day) {within} + {n}") + ") AS leaves"
# First by member and day, so that no days are sorted again to be told apart.
_BOUGHT = f"""
    SELECT member_id, sum(orders)::int AS orders, count(*)::int AS purchase_days, min(first) AS first_order_at,
           max(last) AS last_order_at, sum(amount)::bigint AS amount, (max(day) - min(day))::int AS interval_sum,
           {_each("sum(orders) {within}::int AS orders_{n}, sum(amount) {within}::bigint AS amount_{n}")}, {_LEAVES}
    FROM (SELECT member_id, (placed_at AT TIME ZONE %(tz)s)::date AS day, count(*) AS orders, min(placed_at) AS first,
                 max(placed_at) AS last, sum(amount) AS amount
          FROM {purchases("%(as_of)s")} bought WHERE {chosen("member_id")} GROUP BY 1, 2) days
    GROUP BY member_id
"""
_BESIDE = f"""
    SELECT member_id, sum(amount)::bigint AS amount, {_each("sum(amount) {within}::bigint AS amount_{n}")}, {_LEAVES}
    FROM (SELECT member_id, (at AT TIME ZONE %(tz)s)::date AS day, amount
          FROM {beside("%(as_of)s")} beside WHERE {chosen("member_id")}) money
    GROUP BY member_id
"""
# %(base)s days; %(k)s its weight.
PURCHASE = f"""
    SELECT member_id, orders, purchase_days, first_order_at, last_order_at, amount,
           {_each("orders_{n}, amount_{n}")}, interval_count, interval_sum, interval AS expected_interval,
           last_order_at + interval * interval '1 day' AS next_order_due, tags,
           least(leaves::timestamp AT TIME ZONE %(tz)s, tags_change_at) AS sums_end_at
    FROM (SELECT *, (%(k)s * %(base)s + interval_sum)::float / (%(k)s + interval_count) AS interval
          FROM (SELECT m.id AS member_id, coalesce(o.orders, 0) AS orders, coalesce(o.purchase_days, 0) AS purchase_days,
                       o.first_order_at, o.last_order_at, coalesce(o.amount, 0) + coalesce(b.amount, 0) AS amount,
                       {
    _each(
        "coalesce(o.orders_{n}, 0) AS orders_{n}, coalesce(o.amount_{n}, 0) + coalesce(b.amount_{n}, 0) AS amount_{n}"
    )
},
                       greatest(o.purchase_days - 1, 0) AS interval_count, coalesce(o.interval_sum, 0) AS interval_sum,
                       least(o.leaves, b.leaves) AS leaves,
                       coalesce(t.tags, '{{}}') AS tags, t.change_at AS tags_change_at
                FROM cdp_member m
                LEFT JOIN ({_BOUGHT}) o ON o.member_id = m.id
                LEFT JOIN ({_BESIDE}) b ON b.member_id = m.id
                LEFT JOIN ({TAGS}) t ON t.member_id = m.id
                WHERE m.merged_into_id IS NULL AND {chosen("m.id")} AND {judged("m")}) summed) figures
"""

COLUMNS = (
    "orders",
    "purchase_days",
    "first_order_at",
    "last_order_at",
    "amount",
    *(f"{what}_{n}" for n in WINDOWS for what in ("orders", "amount")),
    "interval_count",
    "interval_sum",
    "expected_interval",
    "next_order_due",
    "tags",
    "sums_end_at",
)

DAYS = _("days")
ORDERS = _("orders, net of refunds")
RUN = _("orders, and the figures of everybody of the day")


class DaysBetween(Func):
    """(day, instant, zone) -> the day less the instant's local day."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: Any, **more: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]
        (day, p1), (at, p2), (tz, p3) = (compiler.compile(item) for item in self.get_source_expressions())
        return f"({day}::date - ({at} AT TIME ZONE {tz})::date)", (*p1, *p2, *p3)


def recency(as_of: datetime) -> DaysBetween:
    tz = clock.zone()
    return DaysBetween(Value(clock.local_day(as_of, tz)), F("profile__last_order_at"), Value(str(tz)))


def average_order(as_of: datetime) -> Case:
    """Net amount per order in fen, unknown without orders."""
    return Case(When(profile__orders__gt=0, then=Cast("profile__amount", FloatField()) / F("profile__orders")))


class _ByRun(Func):
    """(recency, orders, amount, day) -> by the figures of the day's run, the latest up to it."""

    reads: Any  # (recency, frequency, monetary, measured) -> SQL

    def as_sql(self, compiler: Any, connection: Any, **more: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]
        (r, p1), (f, p2), (m, p3), (day, p4) = (compiler.compile(item) for item in self.get_source_expressions())
        shown = self.reads("rfm.r", "rfm.f", "rfm.m", rfm.Measured.of("run"))
        return (
            f"(SELECT {shown} FROM (SELECT {r} AS r, {f} AS f, {m} AS m) rfm, (SELECT {', '.join(rfm.COLUMNS)}"
            f" FROM cdp_populationrun WHERE day <= {day}::date ORDER BY day DESC LIMIT 1) run WHERE rfm.f > 0)"
        ), (*p1, *p2, *p3, *p4)


class RecencyScore(_ByRun):
    output_field = SmallIntegerField()

    def reads(self, r: str, f: str, m: str, by: rfm.Measured) -> str:
        return rfm.recency_score(r, by)


class FrequencyScore(_ByRun):
    output_field = SmallIntegerField()

    def reads(self, r: str, f: str, m: str, by: rfm.Measured) -> str:
        return rfm.frequency_score(f, by)


class MonetaryScore(_ByRun):
    output_field = SmallIntegerField()

    def reads(self, r: str, f: str, m: str, by: rfm.Measured) -> str:
        return rfm.monetary_score(m, by)


class Group(_ByRun):
    output_field = TextField()

    def reads(self, r: str, f: str, m: str, by: rfm.Measured) -> str:
        return rfm.group(r, f, m, by)


class GroupClass(_ByRun):
    output_field = TextField()

    def reads(self, r: str, f: str, m: str, by: rfm.Measured) -> str:
        return rfm.group_class(r, f, m, by)


def _by_run(kind: type[_ByRun]) -> Any:
    return lambda as_of: kind(
        recency(as_of), F("profile__orders"), F("profile__amount"), Value(clock.local_day(as_of, clock.zone()))
    )


def _of(name: str, label: Any, type: str, definition: Any, **more: Any) -> tuple[str, Field]:
    more = {"source": ORDERS, "historical": True, "judges": True, "expression": column(f"profile__{name}")} | more
    return name, Field(label, type, definition=definition, **more)


def _placed(name: str, label: Any, choices: Any, definition: Any) -> tuple[str, Field]:
    expression = lambda as_of: NullIf(F(f"profile__{name}"), Value(""))  # noqa: E731  # by name, as all the others
    return name, Field(
        label, "choice", expression, choices=tuple(choices), judges=True, source=RUN, definition=definition
    )


FIELDS = dict(
    [
        _placed("stage", _("lifecycle stage"), Stage.choices, _("Where the member stands between purchases.")),
        _placed(
            "value_tier", _("value tier"), ValueTier.choices, _("By the net amount of 365 days among all spenders.")
        ),
        _placed("mall_stage", _("mall stage"), MallStage.choices, _("By the days since the first and the last login.")),
        _of("orders", _("orders"), "number", _("Orders that were not refunded in full.")),
        _of("purchase_days", _("purchase days"), "number", _("Days with an order; several of a day are one occasion.")),
        _of("amount", _("net amount"), "money", _("Paid less refunded, ever.")),
        *(
            _of(f"orders_{n}", label, "number", _("Orders of the last so many days, today included."))
            for n, label in ((30, _("orders, 30 days")), (90, _("orders, 90 days")), (365, _("orders, 365 days")))
        ),
        *(
            _of(f"amount_{n}", label, "money", _("Paid less refunded in the last so many days, today included."))
            for n, label in (
                (30, _("net amount, 30 days")),
                (90, _("net amount, 90 days")),
                (365, _("net amount, 365 days")),
            )
        ),
        _of("average_order", _("average order"), "money", _("Net amount per order."), expression=average_order),
        _of("recency", _("recency"), "number", _("Days since the last purchase day."), unit=DAYS, expression=recency),
        _of("first_order_at", _("first order"), "time", _("Instant of the first purchase.")),
        _of("last_order_at", _("last order"), "time", _("Instant of the last purchase.")),
        _of(
            "expected_interval",
            _("expected interval"),
            "number",
            _("Mean of the own intervals, drawn towards everybody's median."),
            unit=DAYS,
            source=RUN,
        ),
        _of("next_order_due", _("next order due"), "time", _("Last order plus the expected interval."), source=RUN),
        *(
            _of(name, label, kind, definition, expression=_by_run(reads), source=RUN, **more)
            for name, label, kind, reads, definition, more in (
                ("rfm_recency", _("R score"), "number", RecencyScore, _("1 to 5; the most recent fifth is 5."), {}),
                ("rfm_frequency", _("F score"), "number", FrequencyScore, _("1 to 5 by the number of orders."), {}),
                ("rfm_monetary", _("M score"), "number", MonetaryScore, _("1 to 5 by the net amount, ever."), {}),
                (
                    "rfm_group",
                    _("RFM group"),
                    "choice",
                    Group,
                    _("Recency, frequency and monetary, each high or low against the mean."),
                    {"choices": rfm.GROUPS},
                ),
                (
                    "rfm_class",
                    _("RFM class"),
                    "choice",
                    GroupClass,
                    _("The eight groups in four."),
                    {"choices": rfm.CLASSES},
                ),
            )
        ),
    ]
)

FAMILY = Family(
    Profile,
    PURCHASE,
    COLUMNS,
    FIELDS,
    inner=("interval_count", "interval_sum", "tags", "sums_end_at", "next_change_at"),
)
