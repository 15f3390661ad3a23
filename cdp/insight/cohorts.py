"""Who came back: members by the month of their first purchase, and how many of them purchased so many months later."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from msgspec import Struct

from cdp.insight.basis import ask
from cdp.insight.whom import EVERYBODY, Whom
from config.ground import clock

_COHORTS = """,
    months AS (
        SELECT DISTINCT member_id, (extract(year FROM day) * 12 + extract(month FROM day))::int - 1 AS month
        FROM days JOIN whom USING (member_id)),
    firsts AS (SELECT member_id, min(month) AS first FROM months GROUP BY member_id)
    SELECT first, month - first, count(*) FROM firsts JOIN months USING (member_id) GROUP BY 1, 2
"""


class Cohort(Struct, frozen=True):
    """`retained[k]`: members with a purchase k months after the month of their first; `retained[0]` is `size`. The last one is
    of the month of the instant, which is not over.
    """

    month: str
    size: int
    retained: list[int]


class Cohorts(Struct, frozen=True):
    as_of: datetime
    cohorts: list[Cohort]


def cohorts_of(whom: Whom = EVERYBODY, *, as_of: datetime) -> Cohorts:
    return Cohorts(as_of, cohorts(whom, as_of=as_of))


def cohorts(whom: Whom = EVERYBODY, *, as_of: datetime) -> list[Cohort]:
    """By month of the first purchase in the brand's zone; months in which nobody began are left out."""
    last = _number(clock.local_day(as_of, clock.zone()))
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for first, later, members in ask(_COHORTS, {"whom": whom}, as_of=as_of):
        found[first][later] = members
    return [
        Cohort(
            month=f"{first // 12:04}-{first % 12 + 1:02}",
            size=found[first][0],
            retained=[found[first].get(later, 0) for later in range(last - first + 1)],
        )
        for first in sorted(found)
    ]


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1
