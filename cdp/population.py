"""Figures of everybody, once per brand day, from facts before its local midnight, stored and used by every pass of that day; with
them the thresholds as they were, which hold for that day.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from django.db import connection

from cdp.features import rfm
from cdp.features.net import beside, purchases
from cdp.models import PopulationRun
from config.ground import clock
from config.ground.models import Brand

# Base interval: percentile_disc(.5) over the days between consecutive purchase days of all members pooled, read from the few
# lengths that there are: the first at which half of all are reached.
# Tier cuts: percentile_disc over the members with a positive net amount in the 365 days before the midnight.
_RUN = f"""
    WITH days AS (
        SELECT member_id, (placed_at AT TIME ZONE %(tz)s)::date AS day, count(*)::int AS orders, sum(amount)::bigint AS amount
        FROM {purchases("%(midnight)s", until="<")} bought WHERE member_id IS NOT NULL GROUP BY 1, 2),
    gaps AS (
        SELECT gap, sum(count(*)) OVER (ORDER BY gap) AS upto, sum(count(*)) OVER () AS every
        FROM (SELECT day - lag(day) OVER (PARTITION BY member_id ORDER BY day) AS gap FROM days) each
        WHERE gap IS NOT NULL GROUP BY gap),
    money AS (
        SELECT member_id, sum(amount)::bigint AS amount,
               coalesce(sum(amount) FILTER (WHERE day >= %(day)s::date - 365), 0)::bigint AS amount_365
        FROM (SELECT member_id, (at AT TIME ZONE %(tz)s)::date AS day, amount
              FROM {beside("%(midnight)s", until="<")} beside WHERE member_id IS NOT NULL) beside GROUP BY member_id),
    bought AS (
        SELECT member_id, max(day) AS last, sum(orders)::int AS orders, sum(amount)::bigint AS amount,
               coalesce(sum(amount) FILTER (WHERE day >= %(day)s::date - 365), 0)::bigint AS amount_365
        FROM days GROUP BY member_id),
    known AS (
        SELECT %(day)s::date - last AS recency, orders AS frequency,
               coalesce(b.amount, 0) + coalesce(m.amount, 0) AS monetary,
               coalesce(b.amount_365, 0) + coalesce(m.amount_365, 0) AS amount_365
        FROM bought b FULL JOIN money m USING (member_id)),
    tiers AS (
        SELECT percentile_disc(ARRAY[%(middle)s, %(top)s]) WITHIN GROUP (ORDER BY amount_365) AS cuts
        FROM known WHERE amount_365 > 0)
    INSERT INTO cdp_populationrun (day, as_of, terms, base_interval, middle_cut, top_cut, {", ".join(rfm.COLUMNS)})
    SELECT %(day)s, %(midnight)s, %(terms)s,
           coalesce((SELECT min(gap) FROM gaps WHERE 2 * upto >= every), %(default)s), cuts[1], cuts[2],
           {", ".join(rfm.COLUMNS)}
    FROM tiers, {rfm.population("(SELECT * FROM known WHERE recency IS NOT NULL)")} rfm
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
                "midnight": clock.midnight(day, clock.zone()),
                "tz": brand.timezone,
                "terms": json.dumps(_terms(brand)),
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


def terms(run: PopulationRun) -> dict[str, dict[str, Any]]:
    """The thresholds that hold for its day; a run of before they were kept goes by those of now."""
    return run.terms or _terms(Brand.objects.the())


def _terms(brand: Brand) -> dict[str, dict[str, Any]]:
    return {"stages": brand.stages, "value_tiers": brand.value_tiers, "mall_stages": brand.mall_stages}
