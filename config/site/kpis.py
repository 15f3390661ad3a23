"""The shop's key figures as tiles: the last that were rolled up, with what they mean and how many of how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from automation.models import Figure
from automation.results.kpis import DAYS, KPIS, Kpi, Value
from automation.results.rollup import KPI
from automation.results.verdict import points
from config.ground import money


@dataclass(frozen=True)
class Tile:
    label: Any
    value: str
    parts: str
    definition: Any


def tiles(currency: str) -> dict[str, Any]:
    day = Figure.objects.filter(key=KPI).aggregate(last=Max("day"))["last"]
    if day is None:
        return {"tiles": [], "period": ""}
    parts: dict[str, dict[str, int]] = {}
    for dimensions, value in Figure.objects.filter(key=KPI, day=day).values_list("dimensions", "value"):
        parts.setdefault(dimensions["kpi"], {})[dimensions["part"]] = value
    return {
        "tiles": [_tile(kpi, Value(**parts[kpi.key]), currency) for kpi in KPIS if kpi.key in parts],
        "period": _("%(first)s to %(last)s")
        % {"first": f"{day - timedelta(days=DAYS):%Y-%m-%d}", "last": f"{day - timedelta(days=1):%Y-%m-%d}"},
    }


def _tile(kpi: Kpi, value: Value, currency: str) -> Tile:
    found = value.of(kpi)
    if found is None:
        return Tile(kpi.label, "–", _("nobody to count yet"), kpi.definition)
    shown = {
        "share": f"{found:.1%}",
        "days": _("%(days).1f days") % {"days": found},
        "money": money.show(round(found), currency),
        "growth": f"{points(found)}%",
    }[kpi.kind]
    return Tile(kpi.label, shown, _parts(kpi, value, currency), kpi.definition)


def _parts(kpi: Kpi, value: Value, currency: str) -> str:
    if kpi.kind == "growth":
        return f"{money.show(value.numerator, currency)} / {money.show(value.denominator, currency)}"
    numerator = money.show(value.numerator, currency) if kpi.kind == "money" else f"{value.numerator:,}"
    return f"{numerator} / {value.denominator:,}"
