"""How far the enrolments of a period came, what became of their messages, what they cost and brought. One statement each."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from automation.results.attribution import LAST_TOUCH
from automation.results.period import ENROLLED, Period
from cdp.features.net import purchases
from config.ground.cause import cause_id_sql

COHORT = f"WITH cohort AS (SELECT id, version_id, state FROM automation_enrolment WHERE {ENROLLED})"
# What is credited, as it stands at the instant: not what was given back in full, and net of what was in part.
CREDITED = f"""automation_conversion c JOIN {purchases("%(as_of)s")} o
               ON o.id = c.order_id AND c.model = %(model)s AND c.at <= %(as_of)s"""


@dataclass(frozen=True)
class Funnel:
    """Enrolments, so a member may be in it more than once. qualified = held_out + enrolled, and enrolled = reached
    + left_before + not_reached + under_way; delivered, converted and undelivered are parts of those before them.
    """

    qualified: int
    held_out: int
    enrolled: int
    left_before: int  # left before any message: met the goal or the exit, or the way ended
    not_reached: int  # every message was suppressed, failed or expired, or the enrolment itself failed
    under_way: int  # not reached yet: there are steps to take, or the fate of a message is open
    reached: int  # at least one message was sent
    delivered: int
    converted: int  # an order is credited to a message of the enrolment
    undelivered: int  # reached, and every receipt says no
    opted_out: int


@dataclass(frozen=True)
class Messages:
    """Messages of these enrolments, by what became of them; `cost` in fen."""

    total: int
    sent: int
    delivered: int
    undelivered: int
    replied: int
    suppressed: int
    failed: int
    units: int
    cost: int


@dataclass(frozen=True)
class Credit:
    orders: int
    amount: int


_FUNNEL = f"""{COHORT},
fate AS (
    SELECT r.enrolment_id AS id, bool_or(m.state = 'sent') AS reached,
           bool_or(m.state IN ('ready', 'inflight', 'unknown')) AS pending,
           bool_or(m.delivery IN ('delivered', 'clicked', 'replied')) AS delivered,
           bool_and(m.delivery = 'undelivered') FILTER (WHERE m.state = 'sent') AS undelivered,
           bool_or(EXISTS (SELECT FROM connectors_receipt a WHERE a.message_id = m.id AND a.opts_out)) AS opted_out
    FROM cohort JOIN automation_steprun r ON r.enrolment_id = cohort.id JOIN connectors_message m ON m.id = r.message
    GROUP BY r.enrolment_id),
stood AS (
    SELECT cohort.id, state, fate.delivered, fate.undelivered, fate.opted_out,
           CASE WHEN state = 'held_out' THEN 'held_out' WHEN reached THEN 'reached'
                WHEN state = 'open' OR pending THEN 'under_way'
                WHEN fate.id IS NOT NULL OR state = 'failed' THEN 'not_reached'
                ELSE 'left_before' END AS place
    FROM cohort LEFT JOIN fate USING (id))
SELECT count(*), count(*) FILTER (WHERE place = 'held_out'), count(*) FILTER (WHERE place <> 'held_out'),
       count(*) FILTER (WHERE place = 'left_before'), count(*) FILTER (WHERE place = 'not_reached'),
       count(*) FILTER (WHERE place = 'under_way'), count(*) FILTER (WHERE place = 'reached'),
       count(*) FILTER (WHERE place = 'reached' AND delivered),
       count(*) FILTER (WHERE EXISTS (SELECT FROM {CREDITED} WHERE c.enrolment_id = stood.id)),
       count(*) FILTER (WHERE undelivered), count(*) FILTER (WHERE opted_out)
FROM stood"""

_MESSAGES = f"""{COHORT}
SELECT count(*), count(*) FILTER (WHERE m.state = 'sent'),
       count(*) FILTER (WHERE m.delivery IN ('delivered', 'clicked', 'replied')),
       count(*) FILTER (WHERE m.delivery = 'undelivered'), count(*) FILTER (WHERE m.delivery = 'replied'),
       count(*) FILTER (WHERE m.state = 'suppressed'), count(*) FILTER (WHERE m.state = 'failed'),
       coalesce(sum(m.units), 0)::bigint, coalesce(sum(m.cost), 0)::bigint
FROM cohort JOIN automation_steprun r ON r.enrolment_id = cohort.id JOIN connectors_message m ON m.id = r.message"""

_CREDIT = f"""{COHORT}
SELECT count(*), coalesce(sum(o.amount), 0)::bigint
FROM cohort JOIN ({CREDITED}) ON c.enrolment_id = cohort.id"""

# An entry has no foreign key to its step; it has its cause, which follows from the step.
_POINTS = f"""{COHORT},
step AS (
    SELECT 'journey:' || j.key || '@' || v.number AS origin, cohort.id || '/' || r.step || '/' || r.visit AS key
    FROM cohort
    JOIN automation_journeyversion v ON v.id = cohort.version_id
    JOIN automation_journey j ON j.id = v.journey_id
    JOIN automation_steprun r ON r.enrolment_id = cohort.id AND r.message IS NULL)
SELECT coalesce(sum(p.amount), 0.00)
FROM step JOIN loyalty_entry p ON p.origin = step.origin AND p.kind = 'grant'
                              AND p.cause = {cause_id_sql("step.origin || '|' || step.key")}"""


def _one(sql: str, journey: int, period: Period) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute(sql, period.parameters(journey) | {"model": LAST_TOUCH})
        row: tuple = cursor.fetchone()
        return row


def funnel(journey: int, period: Period) -> Funnel:
    return Funnel(*_one(_FUNNEL, journey, period))


def messages(journey: int, period: Period) -> Messages:
    return Messages(*_one(_MESSAGES, journey, period))


def credited(journey: int, period: Period) -> Credit:
    return Credit(*_one(_CREDIT, journey, period))


def points(journey: int, period: Period) -> Decimal:
    """Points that the steps of these enrolments granted."""
    amount: Decimal = _one(_POINTS, journey, period)[0]
    return Decimal(amount)
