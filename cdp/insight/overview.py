"""Everything in one document: `manage.py insight` and `GET insight`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from msgspec import Struct

from cdp.insight.cohorts import Cohort, cohorts
from cdp.insight.rfm import Cuts, spread
from cdp.insight.shares import revenue_shares
from cdp.insight.whom import EVERYBODY, Whom


class Rfm(Struct, frozen=True):
    """By R, F and M in this order: `scores` that anybody has, from "555", the best; all eight `groups`, high (1) or low (0)."""

    cuts: Cuts
    scores: dict[str, int]
    groups: dict[str, int]


class Shares(Struct, frozen=True):
    """Of lifetime net over buyers ranked by it; null where there is no money."""

    top5: float | None
    next25: float | None
    rest70: float | None


class Insight(Struct, frozen=True):
    """`repeat_rate`: members with at least 2 purchase days / with at least 1."""

    as_of: datetime
    members: int
    buyers: int
    base_interval_days: int
    repeat_rate: float | None
    stages: Mapping[str, int]
    value_tiers: Mapping[str, int]
    rfm: Rfm
    revenue_shares: Shares
    cohorts: list[Cohort]


@transaction.atomic
def overview(whom: Whom = EVERYBODY, *, as_of: datetime) -> Insight:
    found, shares = spread(whom, as_of=as_of), revenue_shares(whom, as_of=as_of)
    return Insight(
        as_of=as_of,
        members=found.members,
        buyers=found.buyers,
        base_interval_days=found.base_interval_days,
        repeat_rate=found.repeat_rate,
        stages=found.stages,
        value_tiers=found.value_tiers,
        rfm=Rfm(
            found.cuts,
            {f"{cell.r}{cell.f}{cell.m}": cell.members for cell in found.cells},
            {group.bits: group.members for group in found.groups},
        ),
        revenue_shares=Shares(shares.top5.share, shares.next25.share, shares.rest70.share),
        cohorts=cohorts(whom, as_of=as_of),
    )
