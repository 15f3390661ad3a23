"""Figures of everybody, once per brand day, from facts before its local midnight, stored and used by every pass of that day."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from cdp.features.net import beside, purchases
from cdp.models import PopulationRun
from config.ground import clock
from config.ground.models import Brand

# Base interval: percentile_disc(.5) over the days between consecutive purchase days of all members pooled.
# Tier cuts: percentile_disc over the members with a positive net amount in the 365 days before the midnight.
_RUN = f"""
    WITH days AS (
        SELECT member_id, (placed_at AT TIME ZONE %(tz)s)::date AS day, sum(amount) AS amount
        FROM {purchases("%(midnight)s", until="<")} bought WHERE member_id IS NOT NULL GROUP BY 1, 2),
    gaps AS (SELECT day - lag(day) OVER (PARTITION BY member_id ORDER BY day) AS gap FROM days),
    spent AS (
        SELECT sum(amount) AS amount
        FROM (SELECT member_id, day, amount FROM days
              UNION ALL SELECT member_id, (at AT TIME ZONE %(tz)s)::date, amount
              FROM {beside("%(midnight)s", until="<")} beside WHERE member_id IS NOT NULL) money
        WHERE day >= %(day)s::date - 365 GROUP BY member_id HAVING sum(amount) > 0)
    INSERT INTO cdp_populationrun (day, as_of, base_interval, middle_cut, top_cut)
    SELECT %(day)s, %(midnight)s,
           coalesce((SELECT percentile_disc(.5) WITHIN GROUP (ORDER BY gap) FROM gaps WHERE gap IS NOT NULL), %(default)s),
           (SELECT percentile_disc(%(middle)s) WITHIN GROUP (ORDER BY amount) FROM spent),
           (SELECT percentile_disc(%(top)s) WITHIN GROUP (ORDER BY amount) FROM spent)
    ON CONFLICT (day) DO NOTHING
"""


def run(day: date) -> bool:
    """Compute and store the figures of a brand day. False when another run was there first."""
    brand = Brand.objects.the()
    with connection.cursor() as cursor:
        cursor.execute(
            _RUN,
            {
                "day": day,
                "midnight": clock.midnight(day, ZoneInfo(brand.timezone)),
                "tz": brand.timezone,
                "default": brand.stages["default_interval"],
                "middle": brand.value_tiers["middle"],
                "top": brand.value_tiers["top"],
            },
        )
        return cursor.rowcount == 1


def current(*, as_of: datetime) -> PopulationRun:
    """The figures in force at an instant: the day's own, made now if nobody made them yet."""
    day = clock.local_day(as_of, clock.zone())
    if made := PopulationRun.objects.filter(day=day).first():
        return made
    run(day)
    return PopulationRun.objects.get(day=day)
