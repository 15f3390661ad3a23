"""The shop's key figures over the 30 brand days before a day: what each means, and how many of how many.

Whole days only, from facts before the day's local midnight, so the figures of a day do not move while it passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cdp import roots
from cdp.features.net import beside, purchases
from config.ground.models import Brand

DAYS = 30  # of the period
PUSH = 14  # days after a message in which an order counts
SECOND = 30  # days after the first purchase in which a second counts


@dataclass(frozen=True)
class Kpi:
    """`sql` gives a numerator and a denominator; growth is their quotient less one."""

    key: str
    kind: str  # share | days | money | growth
    label: Promise
    definition: Promise
    sql: str


@dataclass(frozen=True)
class Value:
    numerator: int
    denominator: int

    def of(self, kpi: Kpi) -> float | None:
        if not self.denominator:
            return None
        return self.numerator / self.denominator - (kpi.kind == "growth")


def _midnight(day: str) -> str:
    return f"(({day})::timestamp AT TIME ZONE %(tz)s)"


START, END = _midnight("%(first)s::date"), _midnight("%(after)s::date")
BEFORE = _midnight(f"%(first)s::date - {DAYS}")
_DAY = "(placed_at AT TIME ZONE %(tz)s)::date"
ORDERS = purchases(END, until="<")  # net, and without those given back in full
BESIDE = beside(END, until="<")  # exchanges, and returns without an order
_IN_PERIOD = f"FROM {ORDERS} o WHERE member_id IS NOT NULL AND placed_at >= {START}"
_STAGE_AT_START = f"""SELECT DISTINCT ON (member_id) member_id, value FROM {roots.PLACEMENTS} p
                      WHERE axis = 'stage' AND since < {START} ORDER BY member_id, since DESC"""

KPIS = (
    Kpi(
        "repurchase_rate",
        "share",
        _("repurchase rate"),
        _("members with at least 2 purchase days in the period / members with at least 1"),
        f"""SELECT count(*) FILTER (WHERE days > 1), count(*)
            FROM (SELECT count(DISTINCT {_DAY}) AS days {_IN_PERIOD} GROUP BY member_id) bought""",
    ),
    Kpi(
        "repurchase_conversion",
        "share",
        _("repurchase conversion"),
        _("members reached by a push who purchased within 14 days / members reached whose 14 days ended in the period"),
        f"""SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM {ORDERS} o WHERE o.member_id = r.member_id AND o.placed_at > r.at
                                                  AND o.placed_at <= r.at + interval '{PUSH} days')), count(*)
            FROM (SELECT coalesce(w.merged_into_id, w.id) AS member_id, min(sent_at) AS at
                  FROM connectors_message m JOIN cdp_member w ON w.id = m.member_id
                  WHERE state = 'sent' AND delivery <> 'undelivered' AND purpose = 'marketing'
                    AND sent_at >= {_midnight(f"%(first)s::date - {PUSH}")} AND sent_at < {_midnight(f"%(after)s::date - {PUSH}")}
                  GROUP BY 1) r""",
    ),
    Kpi(
        "mean_interval",
        "days",
        _("mean repurchase interval"),
        _("mean days between consecutive purchase days that ended in the period"),
        f"""SELECT coalesce(sum(d.day - (p.at AT TIME ZONE %(tz)s)::date), 0), count(p.at)
            FROM (SELECT DISTINCT member_id, {_DAY} AS day {_IN_PERIOD}) d
            CROSS JOIN LATERAL (SELECT max(o.placed_at) AS at FROM {ORDERS} o
                                WHERE o.member_id = d.member_id AND o.placed_at < {_midnight("d.day")}) p""",
    ),
    Kpi(
        "dormant_activation",
        "share",
        _("dormant activation"),
        _("dormant members who purchased in the period / dormant at its start"),
        f"""SELECT count(*) FILTER (WHERE member_id IN (SELECT member_id {_IN_PERIOD})), count(*)
            FROM ({_STAGE_AT_START}) s WHERE value = 'dormant'""",
    ),
    Kpi(
        "retention",
        "share",
        _("retention"),
        _("members who purchased in this and the previous period / in the previous"),
        f"""SELECT count(*) FILTER (WHERE member_id IN (SELECT member_id {_IN_PERIOD})), count(*)
            FROM (SELECT DISTINCT member_id FROM {ORDERS} o
                  WHERE member_id IS NOT NULL AND placed_at >= {BEFORE} AND placed_at < {START}) b""",
    ),
    Kpi(
        "churn",
        "share",
        _("churn"),
        _("members who entered churned in the period / not churned at its start"),
        f"""SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM cdp_placement p WHERE p.member_id = s.member_id
                AND p.axis = 'stage' AND p.value = 'churned' AND p.since >= {START} AND p.since < {END})), count(*)
            FROM ({_STAGE_AT_START}) s WHERE value NOT IN ('churned', '')""",
    ),
    Kpi(
        "first_to_second",
        "share",
        _("first-to-second conversion"),
        _("second purchase day within 30 days of the first / first purchases whose 30 days ended in the period"),
        f"""SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM {ORDERS} o WHERE o.member_id = f.member_id
                AND o.placed_at >= {_midnight("f.day + 1")} AND o.placed_at < {_midnight(f"f.day + {SECOND + 1}")})), count(*)
            FROM (SELECT member_id, (first_order_at AT TIME ZONE %(tz)s)::date AS day FROM cdp_profile) f
            WHERE f.day >= %(first)s::date - {SECOND} AND f.day < %(after)s::date - {SECOND}""",
    ),
    Kpi(
        "aov_growth",
        "growth",
        _("AOV growth"),
        _(
            "over members with a repeat order in the period: mean amount of those repeat orders / "
            "mean amount of their own first orders - 1"
        ),
        f"""SELECT coalesce(round(sum(again) / nullif(sum(times), 0)), 0), coalesce(round(avg(once.amount)), 0)
            FROM (SELECT o.member_id, sum(o.amount) AS again, count(*) AS times, min(p.first_order_at) AS first
                  FROM {ORDERS} o JOIN cdp_profile p ON p.member_id = o.member_id AND o.placed_at > p.first_order_at
                  WHERE o.placed_at >= {START} AND o.placed_at < {END} GROUP BY o.member_id) r
            CROSS JOIN LATERAL (SELECT o.amount FROM {ORDERS} o WHERE o.member_id = r.member_id AND o.placed_at = r.first
                                ORDER BY o.id LIMIT 1) once""",
    ),
    Kpi(
        "arpu",
        "money",
        _("ARPU"),
        _("net orders in the period / members with an order, a login or a browse in it"),
        f"""SELECT (SELECT coalesce(sum(amount), 0)
                    FROM (SELECT amount {_IN_PERIOD}
                          UNION ALL SELECT amount FROM {BESIDE} b WHERE member_id IS NOT NULL AND at >= {START}) money),
                   count(*)
            FROM (SELECT member_id {_IN_PERIOD}
                  UNION SELECT member_id FROM cdp_event WHERE occurred_at >= {START} AND occurred_at < {END}
                        AND member_id IS NOT NULL AND type IN ('login', 'browse')) active""",
    ),
)


def measure(day: date) -> Mapping[str, Value]:
    """Every KPI over the 30 days before `day`."""
    period: dict[str, str | date] = {
        "first": day - timedelta(days=DAYS),
        "after": day,
        "tz": Brand.objects.the().timezone,
    }
    found = {}
    with connection.cursor() as cursor:
        for kpi in KPIS:
            cursor.execute(kpi.sql, period)
            numerator, denominator = cursor.fetchone()
            found[kpi.key] = Value(int(numerator), int(denominator))
    return found
