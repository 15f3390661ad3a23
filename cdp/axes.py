"""The axes on which members stand side by side: each says where, why, and from which local day on time alone moves the member.

Everything is SQL over one row of facts: `n` purchase days, `d` recency in days, `i` the expected interval, `amount_365`, `age`
and `idle` the days since the first and the last login, `today`. Thresholds are the brand's, kept as data:
%(stages.critical_factor)s.
"""

from __future__ import annotations

from dataclasses import dataclass

FACTS = """
    SELECT p.member_id, p.stage, p.value_tier, p.mall_stage, p.next_change_at, p.sums_end_at, p.purchase_days AS n,
           p.expected_interval AS i, p.amount_365, day.today, day.today - (p.last_order_at AT TIME ZONE %(tz)s)::date AS d,
           day.today - (b.first_login_at AT TIME ZONE %(tz)s)::date AS age,
           day.today - (b.last_login_at AT TIME ZONE %(tz)s)::date AS idle
    FROM cdp_profile p LEFT JOIN cdp_behaviour b ON b.member_id = p.member_id
    CROSS JOIN (SELECT (%(as_of)s AT TIME ZONE %(tz)s)::date AS today) day
    WHERE (%(members)s::bigint[] IS NULL OR p.member_id = ANY(%(members)s)) AND p.as_of <= %(as_of)s
"""


@dataclass(frozen=True)
class Axis:
    """`value` '' is no place. `changes`: a local date, or NULL when time alone changes nothing. The first that holds decides."""

    name: str
    value: str
    why: str
    changes: str = "NULL::date"


# The first whole day on which each holds; d counts whole days, i is not rounded.
_CHURNED = "floor(greatest(%(stages.churned_factor)s * i, %(stages.churned_floor)s))::int + 1"
_DORMANT = """floor(greatest(%(stages.dormant_factor)s * i, CASE n WHEN 1 THEN %(stages.dormant_floor_once)s
                             ELSE %(stages.dormant_floor)s END))::int + 1"""
_CRITICAL = "CASE WHEN n >= 2 THEN ceil(greatest(%(stages.critical_factor)s * i, %(stages.critical_floor)s))::int END"

STAGE = Axis(
    "stage",
    f"""CASE WHEN n = 0 THEN 'new'
             WHEN d >= {_CHURNED} THEN 'churned'
             WHEN d >= {_DORMANT} THEN 'dormant'
             WHEN d >= {_CRITICAL} THEN 'critical'
             WHEN n = 1 THEN 'first_purchase'
             ELSE 'active' END""",
    "jsonb_build_object('purchase_days', n, 'recency', d, 'expected_interval', round(i::numeric, 2))",
    f"""today - d + CASE WHEN n = 0 OR d >= {_CHURNED} THEN NULL
                         WHEN d >= {_DORMANT} THEN {_CHURNED}
                         WHEN d >= {_CRITICAL} THEN least({_DORMANT}, {_CHURNED})
                         ELSE least({_CRITICAL}, {_DORMANT}, {_CHURNED}) END""",
)
VALUE_TIER = Axis(
    "value_tier",
    """CASE WHEN amount_365 <= 0 THEN 'base'
            WHEN amount_365 >= %(top_cut)s THEN 'top'
            WHEN amount_365 >= %(middle_cut)s THEN 'middle'
            ELSE 'base' END""",
    """jsonb_build_object('amount_365', amount_365, 'middle_cut', %(middle_cut)s::bigint, 'top_cut', %(top_cut)s::bigint)""",
)
# Who never logged in is not of the mall.
MALL_STAGE = Axis(
    "mall_stage",
    """CASE WHEN idle IS NULL THEN ''
            WHEN idle >= %(mall_stages.declining_days)s THEN 'declining'
            WHEN age <= %(mall_stages.newcomer_days)s THEN 'newcomer'
            WHEN age >= %(mall_stages.mature_days)s THEN 'mature'
            ELSE 'growing' END""",
    "jsonb_build_object('days_since_first_login', age, 'days_since_last_login', idle)",
    """CASE WHEN idle >= %(mall_stages.declining_days)s THEN NULL
            ELSE least(today - idle + %(mall_stages.declining_days)s::int,
                       CASE WHEN age <= %(mall_stages.newcomer_days)s THEN today - age + %(mall_stages.newcomer_days)s::int + 1
                            WHEN age < %(mall_stages.mature_days)s THEN today - age + %(mall_stages.mature_days)s::int END)
       END""",
)
AXES = (STAGE, VALUE_TIER, MALL_STAGE)
