"""The ground of every statement: the facts up to an instant, and where each member stands by them.

Named queries, each paid for only where a statement reads it. Money and purchase days are the glossary's (features/net.py), the
population's figures are of all members with facts, as in population.py; who is placed or counted is judged (profiling.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from cdp.axes import STAGE, VALUE_TIER
from cdp.features import rfm
from cdp.features.net import beside, purchases
from cdp.insight.whom import Whom
from cdp.profiling import judged
from config.ground.models import Brand

_MEASURED = "(SELECT d AS recency, orders AS frequency, amount AS monetary FROM buyers JOIN money USING (member_id))"
_CUTS = rfm.Measured.of("population")
# The cuts of this instant in the place of those of a run.
_TIER = VALUE_TIER.value.replace("%(top_cut)s", "top_cut").replace("%(middle_cut)s", "middle_cut")
_TODAY = "(%(as_of)s AT TIME ZONE %(tz)s)::date"


# known: whom there is to look at, from their registration or their first fact on, or since we know of them.
# buyers: n purchase days, d recency, s the sum of the intervals, which telescope. money: all of it, exchanges and returns too.
BASIS = f"""
    bought AS (
        SELECT id, member_id, placed_at, amount, (placed_at AT TIME ZONE %(tz)s)::date AS day
        FROM {purchases("%(as_of)s")} purchase WHERE member_id IS NOT NULL),
    days AS (SELECT DISTINCT member_id, day FROM bought),
    gaps AS (SELECT member_id, day, day - lag(day) OVER (PARTITION BY member_id ORDER BY day) AS gap FROM days),
    money AS (
        SELECT member_id, sum(amount)::bigint AS amount,
               coalesce(sum(amount) FILTER (WHERE day >= {_TODAY} - 364), 0)::bigint AS amount_365
        FROM (SELECT member_id, day, amount FROM bought
              UNION ALL SELECT member_id, (at AT TIME ZONE %(tz)s)::date, amount
              FROM {beside("%(as_of)s")} beside WHERE member_id IS NOT NULL) moved
        GROUP BY member_id),
    known AS (
        SELECT m.id AS member_id FROM cdp_member m
        WHERE m.merged_into_id IS NULL AND {judged("m")}
          AND (least(m.registered_at, m.created_at) <= %(as_of)s
               OR EXISTS (SELECT FROM cdp_order o WHERE o.member_id = m.id AND o.placed_at <= %(as_of)s)
               OR EXISTS (SELECT FROM cdp_event e WHERE e.member_id = m.id AND e.occurred_at <= %(as_of)s))),
    buyers AS (
        SELECT member_id, count(*)::int AS orders, count(DISTINCT day)::int AS n, {_TODAY} - max(day) AS d,
               max(day) - min(day) AS s
        FROM bought GROUP BY member_id),
    base_interval AS (
        SELECT coalesce(percentile_disc(.5) WITHIN GROUP (ORDER BY gap), %(stages.default_interval)s)::int AS base
        FROM gaps WHERE gap IS NOT NULL),
    tiers AS (
        SELECT percentile_disc(%(value_tiers.middle)s) WITHIN GROUP (ORDER BY amount_365) AS middle_cut,
               percentile_disc(%(value_tiers.top)s) WITHIN GROUP (ORDER BY amount_365) AS top_cut
        FROM money WHERE amount_365 > 0),
    population AS (SELECT * FROM {rfm.population(_MEASURED)} of_buyers),
    standing AS (
        SELECT k.member_id, coalesce(n, 0) AS n, d, orders, coalesce(amount, 0) AS amount,
               coalesce(amount_365, 0) AS amount_365,
               (%(stages.shrinkage)s * base + coalesce(s, 0))::float
                   / (%(stages.shrinkage)s + greatest(coalesce(n, 0) - 1, 0)) AS i
        FROM known k LEFT JOIN buyers USING (member_id) LEFT JOIN money USING (member_id), base_interval),
    placed AS (
        SELECT standing.*, {STAGE.value} AS stage,
               {_TIER} AS value_tier,
               {rfm.recency_score("d", _CUTS)} AS r, {rfm.frequency_score("orders", _CUTS)} AS f,
               CASE WHEN n > 0 THEN {rfm.monetary_score("amount", _CUTS)} END AS m,
               CASE WHEN n > 0 THEN {rfm.group("d", "orders", "amount", _CUTS)} END AS rfm_group
        FROM standing, tiers, population)
"""


def ask(
    statement: str, sets: Mapping[str, Whom], *, as_of: datetime, given: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Rows of one statement over the queries above and the sets of members, named as they are given, each with `member_id`."""
    brand = Brand.objects.the()
    asked = {"as_of": as_of, "tz": brand.timezone, **(given or {})}
    for group, terms in (("stages", brand.stages), ("value_tiers", brand.value_tiers)):
        asked |= {f"{group}.{name}": value for name, value in terms.items()}
    queries = [BASIS]
    for name, whom in sets.items():
        sql, values = whom.named(name)
        queries.append(
            f"{name} AS MATERIALIZED (SELECT DISTINCT member_id FROM ({sql}) {name}_asked JOIN known USING (member_id))"
        )
        asked |= values
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {','.join(queries)} {statement}", asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
