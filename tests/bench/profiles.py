"""What a pass over profiles costs, held against the plainest statement that gives the same figures, on the same members.

The floor makes a table anew: R, F, M, intervals, the windows of 30, 90 and 365 days, the base interval, cut points, stage, scores
and value tier, in two statements by hand. Ours is the pass of another day over what stands: the population's figures, the core of
the profile, all axes with their histories; and a pass over one percent that bought.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from cdp import daily, generating, placement, population, profiles
from cdp.models import Member, Order, PopulationRun, Source
from config.ground import clock
from tests.bench.measure import Spent, spent

NOW = datetime(2026, 1, 1, 16, 0, 5, tzinfo=UTC)  # just after a midnight in Shanghai
FULL, INCREMENT, MEMORY = 1.5, 0.05, 1.5

_FLOOR = """
    CREATE TABLE bench_floor AS
    WITH days AS (
        SELECT member_id, (placed_at AT TIME ZONE %(tz)s)::date AS day, count(*) AS orders, min(placed_at) AS first,
               max(placed_at) AS last, sum(amount - refunded) AS amount
        FROM cdp_order WHERE placed_at <= %(as_of)s AND (refunded = 0 OR refunded < amount) AND exchange_of = ''
        GROUP BY 1, 2),
    gaps AS (
        SELECT gap, sum(count(*)) OVER (ORDER BY gap) AS upto, sum(count(*)) OVER () AS every
        FROM (SELECT day - lag(day) OVER (PARTITION BY member_id ORDER BY day) AS gap FROM days) each
        WHERE gap IS NOT NULL GROUP BY gap),
    summed AS MATERIALIZED (
        SELECT m.id AS member_id, coalesce(sum(orders), 0)::int AS orders, count(day)::int AS n, min(first) AS first_order_at,
               max(last) AS last_order_at, coalesce(sum(amount), 0)::bigint AS amount,
               coalesce(sum(orders) FILTER (WHERE day > %(today)s::date - 30), 0)::int AS orders_30,
               coalesce(sum(amount) FILTER (WHERE day > %(today)s::date - 30), 0)::bigint AS amount_30,
               coalesce(sum(orders) FILTER (WHERE day > %(today)s::date - 90), 0)::int AS orders_90,
               coalesce(sum(amount) FILTER (WHERE day > %(today)s::date - 90), 0)::bigint AS amount_90,
               coalesce(sum(orders) FILTER (WHERE day > %(today)s::date - 365), 0)::int AS orders_365,
               coalesce(sum(amount) FILTER (WHERE day > %(today)s::date - 365), 0)::bigint AS amount_365,
               %(today)s::date - max(day) AS d, coalesce(max(day) - min(day), 0) AS gaps
        FROM cdp_member m LEFT JOIN days ON days.member_id = m.id GROUP BY m.id),
    cuts AS (
        SELECT percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY d) AS r,
               percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY orders) AS f,
               percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY amount) AS m,
               percentile_disc(ARRAY[.7, .95]) WITHIN GROUP (ORDER BY amount_365) FILTER (WHERE amount_365 > 0) AS tiers,
               (SELECT min(gap) FROM gaps WHERE 2 * upto >= every) AS base
        FROM summed WHERE orders > 0),
    known AS (SELECT *, (3 * base + gaps)::float / (3 + greatest(n - 1, 0)) AS i FROM summed, cuts)
    SELECT member_id, orders, n, first_order_at, last_order_at, amount, orders_30, amount_30, orders_90, amount_90, orders_365,
           amount_365, gaps, i, last_order_at + i * interval '1 day' AS next_order_due,
           CASE WHEN n = 0 THEN 'new' WHEN d > greatest(3 * i, 365) THEN 'churned'
                WHEN d > greatest(1.5 * i, CASE n WHEN 1 THEN 180 ELSE 30 END) THEN 'dormant'
                WHEN n >= 2 AND d >= 0.8 * i THEN 'critical' WHEN n = 1 THEN 'first_purchase' ELSE 'active' END AS stage,
           CASE WHEN amount_365 >= tiers[2] THEN 'top' WHEN amount_365 >= tiers[1] THEN 'middle' ELSE 'base' END AS value_tier,
           5 - width_bucket(d - 1, r) AS rs, 1 + width_bucket(orders - 1, f) AS fs, 1 + width_bucket(amount - 1, m) AS ms
    FROM known
"""


def rows(members: int) -> list[tuple[str, float, float, float]]:
    """(what, ours, the floor's, owed ratio)."""
    for one in (NOW, NOW + timedelta(days=1)):
        PopulationRun.objects.filter(day=clock.local_day(one, clock.zone())).delete()
    generating.generate(generating.Wanted(members, 9, seed=members, lines=0), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # all work is done where it is measured
        cursor.execute("VACUUM ANALYZE cdp_order, cdp_member")
        placement_free = "ALTER TABLE cdp_placement SET (autovacuum_enabled = off)"
        cursor.execute(placement_free)
    daily.recompute(as_of=NOW, quiet=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE cdp_profile, cdp_placement")
    tomorrow = NOW + timedelta(days=1)
    floor, full, one = _floor(tomorrow), _full(tomorrow), _increment(tomorrow, members // 100)
    return [
        (f"full profile pass, {members:,} members, s CPU", full.both, floor.both, FULL),
        ("the same, MB of private memory", full.private, floor.private, MEMORY),
        ("1 % of members changed, s CPU, against our full pass", one.both, full.both, INCREMENT),
    ]


def _floor(as_of: datetime) -> Spent:
    asked = {"as_of": as_of, "today": clock.local_day(as_of, clock.zone()), "tz": str(clock.zone())}
    with spent() as figure, connection.cursor() as cursor:
        cursor.execute(_FLOOR, asked)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_floor")
    return figure


def _full(as_of: datetime) -> Spent:
    with spent() as figure:
        population.run(clock.local_day(as_of, clock.zone()))
        profiles.refresh(None, as_of=as_of, beside=())
        placement.place(None, as_of=as_of)
    return figure


def _increment(as_of: datetime, changed: int) -> Spent:
    some = list(Member.objects.filter(synthetic=True).order_by("?").values_list("pk", flat=True)[:changed])
    source = Source.objects.get(code="generated")
    Order.objects.bulk_create(
        Order(
            member_id=member, source=source, external_id=f"bench-{member}", placed_at=as_of, amount=5000, currency="CNY",
            recorded_at=as_of,
        )
        for member in some
    )  # fmt: skip
    members = sorted(some)
    with spent() as figure:
        for first in range(0, len(members), 1000):  # as absorbing takes them
            slice = members[first : first + 1000]
            profiles.refresh(slice, as_of=as_of, beside=())
            placement.place(slice, as_of=as_of, quiet=None)
    return figure
