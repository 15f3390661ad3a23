"""How this room's values look in a list: a stage and a tier as a badge, money in the brand's currency."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Subquery
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.attributes import Declared, Type
from cdp.models.profile import MallStage, Stage, ValueTier
from config.ground import money, readonly
from config.ground.models import Brand

COLOURS = {
    Stage.FIRST_PURCHASE.value: "info",
    Stage.ACTIVE.value: "success",
    Stage.CRITICAL.value: "warning",
    Stage.DORMANT.value: "danger",
    ValueTier.TOP.value: "primary",
    ValueTier.MIDDLE.value: "info",
    MallStage.NEWCOMER.value: "info",
    MallStage.GROWING.value: "success",
    MallStage.MATURE.value: "primary",
    MallStage.DECLINING.value: "danger",
    "synthetic": "warning",
}
LABELS: dict[str, Any] = dict(Stage.choices) | dict(ValueTier.choices) | dict(MallStage.choices)
LABELS |= {"synthetic": gettext_lazy("synthetic")}


def badge(value: str | None) -> SafeString | str:
    if not value:
        return "–"
    return readonly.badge(LABELS.get(value, value), COLOURS.get(value))


def with_currency(rows: QuerySet) -> QuerySet:
    """Each row with `brand_currency`: one look-up for the whole list."""
    return rows.annotate(brand_currency=Subquery(Brand.objects.values("currency")[:1]))


def amount(fen: int | None, currency: str) -> str:
    return "–" if fen is None else money.show(fen, currency)


def when(at: datetime | None) -> str:
    """In the brand's zone, which the admin's pages are in."""
    return "–" if at is None else date_format(localtime(at), "SHORT_DATETIME_FORMAT")


def attribute(value: Any, declared: Declared | None, currency: str) -> str:
    """By its type; what does not fit, and what is not declared, as it was written."""
    kind = declared.type if declared else ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if kind == Type.MONEY and isinstance(value, int):
        return amount(value, currency)
    if kind == Type.CHOICE and declared:
        return str(dict(declared.choices).get(value, value))
    if kind == Type.DATE and isinstance(value, str) and (day := parse_date(value)):
        return date_format(day, "SHORT_DATE_FORMAT")
    if kind == Type.INSTANT and isinstance(value, str) and (at := parse_datetime(value)):
        return when(at)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _(", ").join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
