"""Purchases: recency, frequency, monetary, intervals. Sums and instants, as of an instant, for any set of members.

Intervals between consecutive purchase days telescope: their sum is the last purchase day less the first, their number one
less than the days. The expected interval is shrunk towards the population's base: (k base + sum) / (k + number).
"""

from __future__ import annotations

from cdp.features.net import beside, purchases
from cdp.profiling import judged

# %(tz)s the brand's zone; %(as_of)s the instant; %(members)s bigint[] or NULL for everybody; %(base)s days; %(k)s weight.
# 365 days reach from the day of as_of - 364 to the day of as_of.
PURCHASE = f"""
    SELECT m.id AS member_id,
           count(o.member_id)::int AS orders,
           count(DISTINCT o.day)::int AS purchase_days,
           min(o.placed_at) AS first_order_at,
           max(o.placed_at) AS last_order_at,
           coalesce(sum(o.amount), 0)::bigint + coalesce(max(b.amount), 0) AS amount,
           coalesce(sum(o.amount) FILTER (WHERE o.day >= (%(as_of)s AT TIME ZONE %(tz)s)::date - 364), 0)::bigint
               + coalesce(max(b.amount_365), 0) AS amount_365,
           greatest(count(DISTINCT o.day) - 1, 0)::int AS interval_count,
           coalesce(max(o.day) - min(o.day), 0) AS interval_sum
    FROM cdp_member m
    LEFT JOIN (SELECT member_id, placed_at, amount, (placed_at AT TIME ZONE %(tz)s)::date AS day
               FROM {purchases("%(as_of)s")} bought) o ON o.member_id = m.id
    LEFT JOIN (SELECT member_id, sum(amount)::bigint AS amount, sum(amount) FILTER (
                   WHERE (at AT TIME ZONE %(tz)s)::date >= (%(as_of)s AT TIME ZONE %(tz)s)::date - 364)::bigint AS amount_365
               FROM {beside("%(as_of)s")} beside
               WHERE %(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s) GROUP BY member_id) b ON b.member_id = m.id
    WHERE m.merged_into_id IS NULL AND (%(members)s::bigint[] IS NULL OR m.id = ANY(%(members)s)) AND {judged("m")}
    GROUP BY m.id
"""

COLUMNS = (
    "orders",
    "purchase_days",
    "first_order_at",
    "last_order_at",
    "amount",
    "amount_365",
    "interval_count",
    "interval_sum",
    "expected_interval",
    "next_order_due",
)
