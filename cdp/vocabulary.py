"""The fields of this room's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, F, FloatField, Func, IntegerField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, NullIf
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import column, declare
from cdp.models.profile import Stage, ValueTier
from config.ground import clock

DAYS = _("days")


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


declare(
    "stage",
    _("lifecycle stage"),
    "choice",
    lambda as_of: NullIf(F("profile__stage"), Value("")),
    choices=tuple(Stage.choices),
    judges=True,
)
declare(
    "value_tier",
    _("value tier"),
    "choice",
    lambda as_of: NullIf(F("profile__value_tier"), Value("")),
    choices=tuple(ValueTier.choices),
    judges=True,
)
declare("orders", _("orders"), "number", column("profile__orders"), historical=True, judges=True)
declare("purchase_days", _("purchase days"), "number", column("profile__purchase_days"), historical=True, judges=True)
declare("amount", _("net amount"), "money", column("profile__amount"), historical=True, judges=True)
declare("amount_365", _("net amount, 365 days"), "money", column("profile__amount_365"), historical=True, judges=True)
declare("average_order", _("average order"), "money", average_order, historical=True, judges=True)
declare("recency", _("recency"), "number", recency, unit=DAYS, historical=True, judges=True)
declare("first_order_at", _("first order"), "time", column("profile__first_order_at"), historical=True, judges=True)
declare("last_order_at", _("last order"), "time", column("profile__last_order_at"), historical=True, judges=True)
declare(
    "expected_interval",
    _("expected interval"),
    "number",
    column("profile__expected_interval"),
    unit=DAYS,
    historical=True,
    judges=True,
)
declare("next_order_due", _("next order due"), "time", column("profile__next_order_due"), historical=True, judges=True)
declare("registered_at", _("registered"), "time", column("registered_at"), historical=True)
declare("name", _("member's name"), "text", lambda as_of: KeyTextTransform("name", "attributes"))
