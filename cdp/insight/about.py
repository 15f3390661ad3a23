"""What one segment is like, in one document."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from msgspec import Struct

from cdp.insight import whom
from cdp.insight.rfm import Spread, spread
from cdp.insight.tgi import Profiled, tgi

TRAITS = ("tag", "category")


class About(Struct, frozen=True):
    """`share`: the segment's members / everybody. `tgi` is against everybody."""

    segment: str
    as_of: datetime
    members: int
    share: float | None
    spread: Spread
    tgi: Profiled


@transaction.atomic
def about(key: str, *, as_of: datetime) -> About:
    """`key` as whom.find reads it. Raises UnknownWhom."""
    segment = whom.find(key, as_of=as_of)
    profiled = tgi(segment, families=TRAITS, as_of=as_of)
    share = profiled.segment / profiled.base if profiled.base else None
    return About(key, as_of, profiled.segment, share, spread(segment, as_of=as_of), profiled)
