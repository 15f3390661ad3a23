"""The fields and records of this room's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    DateField,
    DateTimeField,
    DecimalField,
    F,
    FloatField,
    Func,
    IntegerField,
    TextField,
    Value,
    When,
)
from django.db.models import Field as DjangoField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, NullIf
from django.utils.translation import gettext_lazy as _

from cdp import attributes
from cdp.conditions.vocabulary import DECLARED, RECORDS, Field, column, declare
from cdp.models.attribute import AttributeDefinition
from cdp.models.profile import Stage, ValueTier
from cdp.records.order import ORDER
from cdp.records.refund import REFUND
from config.ground import clock

DAYS = _("days")
Type = AttributeDefinition.Type


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


# Kind of attribute -> kind of field, and what reads its JSON; a value that does not fit is not known.
READ: dict[str, tuple[str, str, DjangoField[Any, Any]]] = {
    Type.NUMBER: ("number", "cdp_as_number", DecimalField(max_digits=38, decimal_places=9)),
    Type.INTEGER: ("number", "cdp_as_whole", BigIntegerField()),
    Type.MONEY: ("money", "cdp_as_whole", BigIntegerField()),
    Type.BOOLEAN: ("boolean", "cdp_as_boolean", BooleanField()),
    Type.DATE: ("date", "cdp_as_date", DateField()),
    Type.INSTANT: ("time", "cdp_as_instant", DateTimeField()),
    Type.LIST: ("list", "cdp_as_list", ArrayField(TextField())),
}


def _attribute(declared: attributes.Declared) -> Field:
    name = declared.name
    if declared.type not in READ:
        return Field(
            declared.label, declared.type, lambda as_of: KeyTextTransform(name, "attributes"), choices=declared.choices
        )
    type, function, output = READ[declared.type]
    return Field(
        declared.label,
        type,
        lambda as_of: Func(KeyTransform(name, "attributes"), function=function, output_field=output),
    )


DECLARED.append(lambda: {name: _attribute(one) for name, one in attributes.declared().items()})

RECORDS.add("order", ORDER)
RECORDS.add("refund", REFUND)
