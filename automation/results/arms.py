"""What the treated and the held out did, by intention to treat.

A unit is a member's first enrolment in the period; its window runs from the enrolment, the same for both arms; whoever was
to be treated counts as treated, whatever became of the messages. A unit whose window is still open counts in neither rate.
Members who became one are one unit; one that was treated and held out both, by what it was before, is left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from automation.results.period import ENROLLED, Period
from automation.results.stats import Arm
from cdp.features.net import purchases

# One row a unit: member_id (who stands for it), held_out, open, converted; mixed: of both arms.
UNITS = f"""
    SELECT u.person AS member_id, u.state = 'held_out' AS held_out, u.closes_at > %(as_of)s AS open,
           EXISTS (SELECT FROM {purchases("%(as_of)s")} o WHERE o.member_id = u.person
                   AND o.placed_at > u.enrolled_at AND o.placed_at <= least(u.closes_at, %(as_of)s)) AS converted,
           u.both AND EXISTS (SELECT FROM cdp_merge g WHERE g.keep_id = u.person AND g.undone_at IS NULL) AS mixed
    FROM (SELECT DISTINCT ON (person) person, state, enrolled_at, closes_at,
                 min(arm) OVER (PARTITION BY person) <> max(arm) OVER (PARTITION BY person) AS both
          FROM (SELECT e.id, coalesce(w.merged_into_id, w.id) AS person, state, enrolled_at, closes_at,
                       (state = 'held_out')::int AS arm
                FROM automation_enrolment e JOIN cdp_member w ON w.id = e.member_id WHERE {ENROLLED}) each_one
          ORDER BY person, enrolled_at, id) u"""

COUNTS = """count(*) FILTER (WHERE NOT held_out AND NOT open), count(*) FILTER (WHERE NOT held_out AND NOT open AND converted),
            count(*) FILTER (WHERE held_out AND NOT open), count(*) FILTER (WHERE held_out AND NOT open AND converted),
            count(*) FILTER (WHERE NOT held_out AND open), count(*) FILTER (WHERE held_out AND open)"""


@dataclass(frozen=True)
class Arms:
    treated: Arm
    held_out: Arm
    treated_open: int  # units whose window is still open
    held_out_open: int
    merged: int = 0  # left out: one person by now, who was treated and held out both


def arms(journey: int, period: Period) -> Arms:
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH unit AS ({UNITS}) SELECT {COUNTS}, (SELECT count(*) FROM unit WHERE mixed) FROM unit WHERE NOT mixed",
            period.parameters(journey),
        )
        return read(*cursor.fetchone())


def read(
    n: int, converted: int, held_n: int, held_converted: int, still_open: int, held_open: int, merged: int = 0
) -> Arms:
    """COUNTS, as they come from the database."""
    return Arms(Arm(n, converted), Arm(held_n, held_converted), still_open, held_open, merged)
