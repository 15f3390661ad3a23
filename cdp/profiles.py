"""What we know of members as of an instant, computed in one statement for some or for all. Only rows that differ are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max

from cdp import population, profiling
from cdp.features.purchase import COLUMNS, PURCHASE
from cdp.features.tagged import TAGS
from cdp.models import Profile
from config.ground.models import Brand

_KEPT = (*COLUMNS, "tags")
_SET = ", ".join(f"{c} = excluded.{c}" for c in _KEPT)
_OLD = ", ".join(f"p.{c}" for c in _KEPT)
_NEW = ", ".join(f"excluded.{c}" for c in _KEPT)


@transaction.atomic
def refresh(members: Sequence[int] | None, *, as_of: datetime) -> int:
    """Recompute the profiles of these members (None: everybody). Returns how many changed. A row of a later instant stays.
    All rows are locked in one order, those that stay as they are too, so that passes over the same members queue. Who is not
    judged has none: theirs go.
    """
    brand = Brand.objects.the()
    run = population.current(as_of=as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO cdp_profile AS p (member_id, {", ".join(_KEPT)}, stage, value_tier, as_of)
                SELECT member_id, {", ".join(COLUMNS[:8])}, interval,
                       last_order_at + interval * interval '1 day', coalesce(tags, '{{}}'), '', '', %(as_of)s
                FROM (SELECT *, (%(k)s * %(base)s + interval_sum)::float / (%(k)s + interval_count) AS interval
                      FROM ({PURCHASE}) purchase) f
                LEFT JOIN ({TAGS}) tagged USING (member_id)
                ORDER BY member_id
                ON CONFLICT (member_id) DO UPDATE SET {_SET}, as_of = excluded.as_of
                WHERE p.as_of <= excluded.as_of AND ({_OLD}) IS DISTINCT FROM ({_NEW})""",
            {
                "members": None if members is None else list(members),
                "as_of": as_of,
                "tz": brand.timezone,
                "base": run.base_interval,
                "k": brand.stages["shrinkage"],
            },
        )
        written = cursor.rowcount
        if members is None:  # who was merged away while we computed
            cursor.execute(
                """DELETE FROM cdp_profile p USING cdp_member m
                   WHERE m.id = p.member_id AND m.merged_into_id IS NOT NULL"""
            )
    profiling.end(members, as_of=as_of)
    return written


def refresh_on(members: Sequence[int], *, now: datetime) -> datetime:
    """Recompute these as of now, or of the latest instant at which one of them stands: a pass that read the clock after us may
    have come before us, and what it could not see yet must not wait for the next. Returns the instant.
    """
    refresh(members, as_of=now)  # locks the rows, so nobody goes further meanwhile
    latest = Profile.objects.filter(member__in=members, as_of__gt=now).aggregate(at=Max("as_of"))["at"]
    if latest:
        refresh(members, as_of=latest)
    return latest or now
