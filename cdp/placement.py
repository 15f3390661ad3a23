"""Where a member stands on each axis, kept as beginnings with the reason. The rules are the glossary's; the first line that
holds decides. `n` purchase days, `d` recency in days, `i` the expected interval.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp import population
from cdp.ingest import accept
from config.ground.cause import Cause
from config.ground.models import Brand

STAGE = """
    CASE WHEN n = 0 THEN 'new'
         WHEN d > greatest(%(churned_factor)s * i, %(churned_floor)s) THEN 'churned'
         WHEN d > greatest(%(dormant_factor)s * i, CASE n WHEN 1 THEN %(dormant_floor_once)s ELSE %(dormant_floor)s END)
              THEN 'dormant'
         WHEN n >= 2 AND d >= greatest(%(critical_factor)s * i, %(critical_floor)s) THEN 'critical'
         WHEN n = 1 THEN 'first_purchase'
         ELSE 'active' END
"""
VALUE_TIER = """
    CASE WHEN amount_365 <= 0 THEN 'base'
         WHEN amount_365 >= %(top_cut)s THEN 'top'
         WHEN amount_365 >= %(middle_cut)s THEN 'middle'
         ELSE 'base' END
"""
# One statement: judge, move the profile's columns, append the beginnings, answer who moved.
_PLACE = f"""
    WITH facts AS (
        SELECT member_id, stage, value_tier, purchase_days AS n, expected_interval AS i, amount_365,
               (%(as_of)s AT TIME ZONE %(tz)s)::date - (last_order_at AT TIME ZONE %(tz)s)::date AS d
        FROM cdp_profile WHERE (%(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s)) AND as_of <= %(as_of)s),
    judged AS (SELECT *, {STAGE} AS to_stage, {VALUE_TIER} AS to_tier FROM facts),
    moved AS (
        UPDATE cdp_profile p SET stage = to_stage, value_tier = to_tier, as_of = %(as_of)s
        FROM judged j WHERE p.member_id = j.member_id AND (j.stage, j.value_tier) IS DISTINCT FROM (to_stage, to_tier)
        RETURNING j.*),
    begun AS (
        SELECT member_id, 'stage' AS axis, to_stage AS value, stage AS was,
               jsonb_build_object('purchase_days', n, 'recency', d, 'expected_interval', round(i::numeric, 2)) AS why
        FROM moved WHERE stage <> to_stage
        UNION ALL
        SELECT member_id, 'value_tier', to_tier, value_tier,
               jsonb_build_object('amount_365', amount_365, 'middle_cut', %(middle_cut)s::bigint, 'top_cut', %(top_cut)s::bigint)
        FROM moved WHERE value_tier <> to_tier),
    kept AS (
        INSERT INTO cdp_placement (member_id, axis, value, since, why)
        SELECT member_id, axis, value, %(as_of)s, why FROM begun
        ON CONFLICT (member_id, axis, since) DO UPDATE SET value = excluded.value, why = excluded.why)
    SELECT member_id, axis, value, was FROM begun ORDER BY member_id, axis
"""


@transaction.atomic
def place(members: Sequence[int] | None, *, as_of: datetime, quiet: Collection[int] | None = ()) -> int:
    """Place these members (None: everybody). Each move is recorded as `stage.entered` or `value_tier.entered`, except for
    `quiet` members (None: nobody is announced), whose history is only being loaded. Returns the number of moves.
    """
    brand = Brand.objects.the()
    run = population.current(as_of=as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACE,
            brand.stages
            | {
                "members": None if members is None else list(members),
                "as_of": as_of,
                "tz": brand.timezone,
                "middle_cut": run.middle_cut,
                "top_cut": run.top_cut,
            },
        )
        moves: list[tuple[int, str, str, str]] = cursor.fetchall()
    if quiet is not None:
        accept.record([_entered(*move, as_of) for move in moves if move[0] not in quiet], now=as_of)
    return len(moves)


def _entered(member: int, axis: str, value: str, was: str, at: datetime) -> accept.Own:
    cause = Cause(f"placement:{axis}", f"{member}/{at.isoformat()}/{value}")
    return accept.Own(f"{axis}.entered", member, cause, at, {"value": value, "from": was})
