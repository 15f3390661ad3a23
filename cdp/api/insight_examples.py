"""What the calls on insight answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from cdp.features import rfm
from cdp.insight.histogram import EDGES

_BITS = [f"{n:03b}" for n in reversed(range(8))]
_NOBODY = {"top": 0, "middle": 0, "base": 0}
CUTS = {"recency": [3, 9, 21, 60], "frequency": [1, 2, 5, 11], "monetary": [4900, 12900, 29900, 69900]}
STAGES = {"new": 120, "first_purchase": 300, "active": 410, "critical": 90, "dormant": 60, "churned": 20}
COHORTS = [
    {"month": "2026-01", "size": 210, "retained": [210, 96, 8]},
    {"month": "2026-02", "size": 180, "retained": [180, 11]},
]
QUARTILES = {"p25": 9, "p50": 21, "p75": 44}
RANGES = [
    {"low": low, "high": high, "count": count}
    for low, high, count in zip(
        EDGES, [*(edge - 1 for edge in EDGES[1:]), None], (14, 88, 120, 96, 71, 60, 32, 28, 11, 2), strict=True
    )
]
INSIGHT: dict[str, Any] = {
    "as_of": "2026-03-01T04:00:00Z",
    "members": 1000,
    "buyers": 880,
    "base_interval_days": 21,
    "repeat_rate": 0.58,
    "stages": STAGES,
    "value_tiers": {"top": 44, "middle": 221, "base": 735},
    "rfm": {"cuts": CUTS, "scores": {"555": 38, "111": 41}, "groups": dict.fromkeys(_BITS, 110)},
    "revenue_shares": {"top5": 0.24, "next25": 0.45, "rest70": 0.31},
    "cohorts": COHORTS,
}
SPREAD: dict[str, Any] = {
    "members": 1000,
    "buyers": 880,
    "repeaters": 510,
    "base_interval_days": 21,
    "stages": STAGES,
    "value_tiers": {"top": 44, "middle": 221, "base": 735},
    "stages_by_tier": {stage: _NOBODY | {"base": members} for stage, members in STAGES.items()},
    "cuts": CUTS,
    "means": {"recency": 27.4, "frequency": 4.9, "monetary": 31240.5},
    "cells": [{"r": 5, "f": 5, "m": 5, "members": 38, "amount": 5120000}],
    "groups": [
        {"group": group, "bits": bits, "members": 110, "amount": 3400000}
        for (group, _label), bits in zip(reversed(rfm.GROUPS), _BITS, strict=True)
    ],
}
TGI: dict[str, Any] = {
    "segment": 300,
    "base": 1000,
    "traits": [
        {
            "family": "tag",
            "trait": "preference:tea",
            "segment": {"numerator": 120, "denominator": 300, "share": 0.4},
            "base": {"numerator": 250, "denominator": 1000, "share": 0.25},
            "tgi": 160.0,
            "mark": "above",
        }
    ],
}
_INTERVAL = {"category": "", "intervals": 522, "members": 310, "mean": 31.6, "quartiles": QUARTILES}
INTERVALS = {"overall": _INTERVAL, "category": "", "ranges": RANGES, "categories": [_INTERVAL | {"category": "tea"}]}
SECOND = {
    "steps": [{"purchases": n, "members": members} for n, members in enumerate((880, 510, 320, 210, 150, 96), 1)],
    "within": [{"days": 30, "numerator": 260, "denominator": 800, "share": 0.325}],
    "between": RANGES,
    "quartiles": QUARTILES,
}
_NO_QUARTILES = {"p25": None, "p50": None, "p75": None}
PATH = {
    "days": 30,
    "steps": [
        {"step": "browse", "members": 400, "kept": None, "quartiles": _NO_QUARTILES},
        {"step": "cart_add", "members": 120, "kept": 0.3, "quartiles": {"p25": 60, "p50": 240, "p75": 3600}},
        {"step": "order", "members": 72, "kept": 0.6, "quartiles": {"p25": 120, "p50": 600, "p75": 86400}},
    ],
    "skipped": 15,
    "breaks_at": "cart_add",
}
OVERLAP = {
    "members": 1000,
    "any": 96,
    "sizes": [
        {"key": "stage:dormant", "members": 60, "alone": 52},
        {"key": "value_tier:top", "members": 44, "alone": 36},
    ],
    "pairs": [
        {"a": "stage:dormant", "b": "value_tier:top", "both": 8, "jaccard": 0.083, "of_a": 0.133, "of_b": 0.182},
    ],
}
ABOUT = {
    "segment": "first-once",
    "as_of": "2026-03-01T04:00:00Z",
    "members": 300,
    "share": 0.3,
    "spread": SPREAD,
    "tgi": TGI,
}
