"""What the pages on data quality draw: rows by day against what is usual, rejected rows by code, and bars that need no script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from django.utils.translation import gettext as _

from cdp.admin.quality_words import reason_label
from cdp.quality.shapes import Share, Validity, Volume
from config.site import charts

NEW, HISTORY, DROPPED, USUAL = "var(--h-top)", "var(--h-held)", "var(--h-bad)", "var(--h-warn)"
CODES = ("var(--h-bad)", "var(--h-warn)", "var(--h-middle)", "var(--h-held)", "var(--h-base)")


@dataclass(frozen=True)
class Bar:
    label: str
    share: float  # percent of the bar's width
    text: str
    of: str
    tone: str = ""


def bar(label: str, one: Share) -> Bar:
    share = one.share or 0.0
    tone = "strong" if share >= 0.95 else "" if share >= 0.5 else "weak" if share else "none"
    return Bar(label, 100 * share, percent(one.share), f"{one.numerator:,} / {one.denominator:,}", tone)


AXIS = (1, 60, 3600, 86_400, 2_592_000)  # seconds; lags are drawn by their logarithm


def along(seconds: int) -> float:
    """Where a lag stands on the axis, in percent; a month and more at its end."""
    return min(100 * log(max(seconds, 1)) / log(AXIS[-1]), 100)


def percent(share: float | None) -> str:
    """Never 100 % where something lacks, nor 0 % where something is."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "< 0.1%"
    return "99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def rows_by_day(volume: Volume) -> dict[str, str]:
    """New rows as bars, red where they dropped; what is usual as a line."""
    fresh = [day.accepted - day.history for day in volume.days]
    colours = [DROPPED if day.dropped else NEW for day in volume.days]
    datasets = [
        {**_bars(_("new rows"), fresh, NEW), "backgroundColor": colours},
        _line(_("usual"), [day.usual for day in volume.days]),
    ]
    if any(day.dropped for day in volume.days):
        datasets.append(
            _marks(_("sudden drop"), [n if day.dropped else None for n, day in zip(fresh, volume.days, strict=True)])
        )
    if any(day.history for day in volume.days):
        datasets.insert(1, _bars(_("history"), [day.history for day in volume.days], HISTORY))
    return _chart([f"{day.day:%m-%d}" for day in volume.days], datasets, _flat())


def spark(volumes: Sequence[Volume]) -> dict[str, str]:
    """New rows of all kinds by day, without axes."""
    days = [f"{day.day:%m-%d}" for day in volumes[0].days] if volumes else []
    fresh = [sum(v.days[n].accepted - v.days[n].history for v in volumes) for n in range(len(days))]
    colours = [DROPPED if any(v.days[n].dropped for v in volumes) else NEW for n in range(len(days))]
    options = json.loads(charts.stacked("x"))
    options["plugins"] = {"legend": {"display": False}}
    options["scales"] = {axis: {"display": False, "grid": {}, "stacked": True} for axis in ("x", "y")}
    return _chart(days, [{**_bars(_("new rows"), fresh, NEW), "backgroundColor": colours}], options)


def rejected_by_day(days: Sequence[Any], validities: Sequence[Validity]) -> dict[str, str] | None:
    """Stacked by code, the most frequent apart and the others together; None when nothing was rejected."""
    counts: dict[str, dict[Any, int]] = {}
    for validity in validities:
        for one in validity.days:
            of = counts.setdefault(one.code, {})
            of[one.day] = of.get(one.day, 0) + one.rows
    if not counts:
        return None
    ordered = sorted(counts, key=lambda code: -sum(counts[code].values()))
    apart, rest = ordered[: len(CODES) - 1], ordered[len(CODES) - 1 :]
    columns = [(reason_label(code), counts[code]) for code in apart]
    if rest:
        columns.append((_("others"), {day: sum(counts[code].get(day, 0) for code in rest) for day in days}))
    return _chart(
        [f"{day:%m-%d}" for day in days],
        [
            _bars(label, [of.get(day, 0) for day in days], colour)
            for (label, of), colour in zip(columns, CODES, strict=False)
        ],
        _flat(),
    )


def _bars(label: str, numbers: Sequence[int], colour: str) -> dict[str, Any]:
    return {
        "label": label, "data": list(numbers), "backgroundColor": colour, "borderColor": colour, "borderRadius": 3,
        "maxBarThickness": 26, "order": 2,
    }  # fmt: skip


def _line(label: str, numbers: Sequence[float | None]) -> dict[str, Any]:
    return {
        "type": "line", "label": label, "data": list(numbers), "borderColor": USUAL, "backgroundColor": USUAL,
        "borderWidth": 2, "borderDash": [4, 3], "pointRadius": 0, "pointStyle": "line", "order": 1, "stack": "usual",
    }  # fmt: skip


def _marks(label: str, numbers: Sequence[int | None]) -> dict[str, Any]:
    """A triangle over each such day: a day on which nothing came has no bar that could be red."""
    return {
        "type": "line", "label": label, "data": list(numbers), "borderColor": DROPPED, "backgroundColor": DROPPED,
        "showLine": False, "pointStyle": "triangle", "pointRadius": 6, "pointHoverRadius": 7, "order": 0, "stack": "drop",
    }  # fmt: skip


def _flat() -> dict[str, Any]:
    """Days that are read without turning one's head."""
    options: dict[str, Any] = json.loads(charts.stacked("x"))
    options["scales"]["x"]["ticks"] |= {"maxRotation": 0, "autoSkipPadding": 14}
    options["plugins"]["legend"]["labels"] |= {"boxHeight": 6, "boxWidth": 14}
    return options


def _chart(labels: Sequence[str], datasets: Sequence[Any], options: dict[str, Any]) -> dict[str, str]:
    data = json.dumps({"labels": list(labels), "datasets": list(datasets)}, ensure_ascii=False)
    return {"data": data, "options": json.dumps(options)}
