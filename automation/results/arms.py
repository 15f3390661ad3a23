"""What the treated and the held out did, by intention to treat.

A unit is a member's first enrolment in the period; its window runs from the enrolment, the same for both arms; whoever was
to be treated counts as treated, whatever became of the messages. A unit whose window is still open counts in neither rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from automation.results.period import ENROLLED, Period
from automation.results.stats import Arm
from cdp.features.net import purchases

# One row a unit: member_id, held_out, open, converted.
UNITS = f"""
    SELECT u.member_id, u.state = 'held_out' AS held_out, u.closes_at > %(as_of)s AS open,
           EXISTS (SELECT FROM {purchases("%(as_of)s")} o WHERE o.member_id = u.member_id
                   AND o.placed_at > u.enrolled_at AND o.placed_at <= least(u.closes_at, %(as_of)s)) AS converted
    FROM (SELECT DISTINCT ON (member_id) member_id, state, enrolled_at, closes_at
          FROM automation_enrolment WHERE {ENROLLED} ORDER BY member_id, enrolled_at, id) u"""

COUNTS = """count(*) FILTER (WHERE NOT held_out AND NOT open), count(*) FILTER (WHERE NOT held_out AND NOT open AND converted),
            count(*) FILTER (WHERE held_out AND NOT open), count(*) FILTER (WHERE held_out AND NOT open AND converted),
            count(*) FILTER (WHERE NOT held_out AND open), count(*) FILTER (WHERE held_out AND open)"""


@dataclass(frozen=True)
class Arms:
    treated: Arm
    held_out: Arm
    treated_open: int  # units whose window is still open
    held_out_open: int


def arms(journey: int, period: Period) -> Arms:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COUNTS} FROM ({UNITS}) unit", period.parameters(journey))
        return read(*cursor.fetchone())


def read(n: int, converted: int, held_n: int, held_converted: int, still_open: int, held_open: int) -> Arms:
    """COUNTS, as they come from the database."""
    return Arms(Arm(n, converted), Arm(held_n, held_converted), still_open, held_open)
