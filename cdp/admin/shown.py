"""How this room's values look in a list: a stage and a tier as a badge, money in the brand's currency."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Subquery
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from cdp.models.profile import Stage, ValueTier
from config.ground import money, readonly
from config.ground.models import Brand

COLOURS = {
    Stage.FIRST_PURCHASE.value: "info",
    Stage.ACTIVE.value: "success",
    Stage.CRITICAL.value: "warning",
    Stage.DORMANT.value: "danger",
    ValueTier.TOP.value: "primary",
    ValueTier.MIDDLE.value: "info",
    "synthetic": "warning",
}
LABELS: dict[str, Any] = dict(Stage.choices) | dict(ValueTier.choices) | {"synthetic": _("synthetic")}


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
