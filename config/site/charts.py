"""What Chart.js draws on the overview. Colours are variables of the page, so both themes have theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import capfirst

from cdp.models.profile import Stage, ValueTier

TIERS = {ValueTier.TOP: "var(--h-top)", ValueTier.MIDDLE: "var(--h-middle)", ValueTier.BASE: "var(--h-base)"}
TICKS = {"color": "#9ca3af", "font": {"size": 12}}


def stacked(along: str) -> str:
    """Options of stacked bars whose labels stand along the axis x or y."""
    plain = {"stacked": True, "grid": {"display": False}, "border": {"display": False}, "ticks": TICKS}
    numbers = {
        **plain,
        "grace": "8%",
        "grid": {"display": True},
        "ticks": {**TICKS, "maxTicksLimit": 5, "precision": 0},
    }
    return json.dumps(
        {
            "indexAxis": along,
            "responsive": True,
            "maintainAspectRatio": False,
            "animation": False,
            "interaction": {"mode": "index", "axis": along, "intersect": False},
            "plugins": {
                "legend": {
                    "display": True,
                    "position": "bottom",
                    "labels": {"color": "#9ca3af", "usePointStyle": True, "pointStyle": "circle", "boxHeight": 7},
                }
            },
            "scales": {"x": plain, "y": numbers} if along == "x" else {"x": numbers, "y": plain},
        }
    )


def stages_by_tier(counts: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Members by lifecycle stage, each bar made of its value tiers."""
    datasets = [
        _dataset(tier.label, [counts.get((stage, tier), 0) for stage in Stage], colour)
        for tier, colour in TIERS.items()
    ]
    return _chart([stage.label for stage in Stage], datasets, stacked("y"))


def by_day(days: Sequence[str], columns: Sequence[tuple[Any, str, Sequence[int]]]) -> dict[str, str]:
    """One stacked bar a day; each column is a label, a colour and its numbers."""
    return _chart(days, [_dataset(label, numbers, colour) for label, colour, numbers in columns], stacked("x"))


def _dataset(label: Any, numbers: Sequence[int], colour: str) -> dict[str, Any]:
    return {
        "label": capfirst(str(label)),
        "data": list(numbers),
        "backgroundColor": colour,
        "borderRadius": 3,
        "maxBarThickness": 30,
    }


def _chart(labels: Sequence[Any], datasets: list[dict[str, Any]], options: str) -> dict[str, str]:
    data = {"labels": [capfirst(str(label)) for label in labels], "datasets": datasets}
    return {"data": json.dumps(data, ensure_ascii=False), "options": options}
