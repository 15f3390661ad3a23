"""What a dashboard shows of a day, kept as figures, so that looking costs nothing. Rolling a day up again corrects its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from automation.models import Figure
from automation.results import kpis
from automation.results.attribution import LAST_TOUCH
from cdp import roots
from cdp.features.net import kept, net
from config.ground import clock
from config.ground.models import Brand

FIRST = 30  # days that the first roll-up reaches back
LATE = 4  # days; receipts come up to three days late
KPI, MEMBERS = "kpi", "members"

# %(day)s the brand day, %(tz)s its zone; each gives key, dimensions, value. Orders count as they stood at the day's end.
_DAY = """CROSS JOIN (SELECT %(day)s::date::timestamp AT TIME ZONE %(tz)s AS start,
                             (%(day)s::date + 1)::timestamp AT TIME ZONE %(tz)s AS "end") day"""
FAMILIES = f"""
SELECT 'messages' AS key, jsonb_build_object('state', state, 'delivery', delivery, 'channel', channel), count(*)
FROM connectors_message {_DAY} WHERE created_at >= day.start AND created_at < day."end" GROUP BY state, delivery, channel
UNION ALL
SELECT 'enrolments', jsonb_build_object('journey', j.key, 'arm', CASE e.state WHEN 'held_out' THEN 'held_out' ELSE 'treated' END),
       count(*)
FROM automation_enrolment e JOIN automation_journey j ON j.id = e.journey_id {_DAY}
WHERE e.enrolled_at >= day.start AND e.enrolled_at < day."end" GROUP BY 2
UNION ALL
SELECT figure.key, jsonb_build_object('journey', j.key), CASE figure.key WHEN 'conversions' THEN count(*)
       ELSE sum({net('day."end"', until="<")}) END
FROM automation_conversion c JOIN automation_enrolment e ON e.id = c.enrolment_id JOIN automation_journey j ON j.id = e.journey_id
JOIN cdp_order o ON o.id = c.order_id CROSS JOIN (VALUES ('conversions'), ('conversion_amount')) figure (key) {_DAY}
WHERE c.model = %(model)s AND c.at >= day.start AND c.at < day."end" AND {kept('day."end"', until="<")}
GROUP BY figure.key, j.key
UNION ALL
SELECT figure.key, '{{}}'::jsonb, CASE figure.key
       WHEN 'orders' THEN count(o.id) FILTER (WHERE {kept('day."end"', until="<")}) ELSE
       coalesce(sum({net('day."end"', until="<")}), 0) - coalesce(min(back.amount), 0) END
FROM (VALUES ('orders'), ('amount')) figure (key) {_DAY}
LEFT JOIN cdp_order o ON o.placed_at >= day.start AND o.placed_at < day."end"
CROSS JOIN LATERAL (SELECT sum(amount) AS amount FROM cdp_refund
                    WHERE order_id IS NULL AND refunded_at >= day.start AND refunded_at < day."end") back
GROUP BY figure.key"""

# Where everybody stood at the end of the day: it reads every member, so it is asked as seldom as the KPIs.
STANDING = f"""
SELECT 'members', jsonb_build_object('axis', axis, 'value', value), count(*)
FROM (SELECT DISTINCT ON (member_id, axis) axis, value FROM {roots.PLACEMENTS} p {_DAY}
      WHERE since < day."end" ORDER BY member_id, axis, since DESC) standing
WHERE value <> '' -- who is not judged stands nowhere
GROUP BY axis, value"""

_KEEP = """
WITH fresh AS (SELECT * FROM unnest(%(keys)s::text[], %(dimensions)s::jsonb[], %(values)s::bigint[])
                             AS f (key, dimensions, value)),
gone AS (DELETE FROM automation_figure old WHERE day = %(day)s AND key <> ALL(%(spared)s)
         AND NOT EXISTS (SELECT FROM fresh WHERE fresh.key = old.key AND fresh.dimensions = old.dimensions))
INSERT INTO automation_figure AS old (day, key, dimensions, value)
SELECT %(day)s, key, dimensions, value FROM fresh ORDER BY key, dimensions
ON CONFLICT (day, key, dimensions) DO UPDATE SET value = excluded.value WHERE old.value <> excluded.value"""

_NEXT = "(((o.placed_at AT TIME ZONE %(tz)s)::date + 1)::timestamp AT TIME ZONE %(tz)s)"
_TODAY = "(%(today)s::date::timestamp AT TIME ZONE %(tz)s)"
_REACHED = "((%(today)s::date - %(reach)s)::timestamp AT TIME ZONE %(tz)s)"
_BEHIND = f"""
SELECT counted.day
FROM (SELECT day, sum(orders)::bigint AS orders, sum(amount) AS amount
      FROM (SELECT (placed_at AT TIME ZONE %(tz)s)::date AS day, count(*) FILTER (WHERE {kept(_NEXT, until="<")}) AS orders,
                   coalesce(sum({net(_NEXT, until="<")}), 0) AS amount
            FROM cdp_order o WHERE placed_at >= {_REACHED} AND placed_at < {_TODAY} GROUP BY 1
            UNION ALL SELECT (refunded_at AT TIME ZONE %(tz)s)::date, 0, -sum(amount)
            FROM cdp_refund WHERE order_id IS NULL AND refunded_at >= {_REACHED} AND refunded_at < {_TODAY} GROUP BY 1) each
      GROUP BY day) counted
LEFT JOIN automation_figure f ON f.day = counted.day AND f.key = 'orders'
LEFT JOIN automation_figure a ON a.day = counted.day AND a.key = 'amount'
WHERE (f.value, a.value) IS DISTINCT FROM (counted.orders, counted.amount::bigint)"""


@transaction.atomic
def roll_up(day: date, *, measured: bool = False) -> None:
    """Bring the figures of one brand day in line with what is known now. `measured`: those that read everybody stand already."""
    with connection.cursor() as cursor:
        # One at a time: they would wait anyway.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('automation.roll_up'))")
        asked: dict[str, Any] = {"day": day, "tz": Brand.objects.the().timezone, "model": LAST_TOUCH}
        rows = []
        for family in (FAMILIES,) if measured else (FAMILIES, STANDING):
            cursor.execute(family, asked)
            rows += [(key, dimensions, int(value)) for key, dimensions, value in cursor.fetchall()]
        if not measured:
            rows += _kpis(day)
        keys, dimensions, values = (list(column) for column in zip(*rows, strict=True))
        figures: dict[str, Any] = {"day": day, "keys": keys, "dimensions": dimensions, "values": values}
        cursor.execute(_KEEP, figures | {"spared": [KPI, MEMBERS] if measured else []})


def _kpis(day: date) -> Iterator[tuple[str, str, int]]:
    for name, value in kpis.measure(day).items():
        yield KPI, json.dumps({"kpi": name, "part": "numerator"}), value.numerator
        yield KPI, json.dumps({"kpi": name, "part": "denominator"}), value.denominator


def catch_up(*, now: datetime) -> list[date]:
    """Today, back to the last day that was rolled up, always as far as a receipt may be late, and the days for which orders
    came late. What reads everybody is measured when a day begins, when it is over, and again after late orders.
    """
    today = clock.local_day(now, clock.zone())
    last = Figure.objects.filter(day__lte=today).aggregate(last=Max("day"))["last"]
    day = min(last, today - timedelta(days=LATE)) if last else today - timedelta(days=FIRST)
    behind = _behind(today)
    days = sorted(behind.union(day + timedelta(days=n) for n in range((today - day).days + 1)))
    measured = set(Figure.objects.filter(day__in=days, key=KPI).values_list("day", flat=True))
    measured -= ({today} if behind else set()) | ({last} if last != today else set())
    for each in days:
        roll_up(each, measured=each in measured)
    return days


def _behind(today: date) -> set[date]:
    """The days before today, back to the first roll-up's reach, whose orders are not what was counted."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"today": today, "reach": FIRST, "tz": Brand.objects.the().timezone})
        return {row[0] for row in cursor.fetchall()}
