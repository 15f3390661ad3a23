"""How long members take to come back: days between consecutive purchase days, of everything and of each category.

Only intervals that ended are counted: who has not come back has none yet, so a young brand's are shorter than they will be.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.insight.basis import ask
from cdp.insight.histogram import QUARTILES, RANGE, Quartiles, Range, ranges
from cdp.insight.whom import EVERYBODY, Whom

# Of a category: the days on which the member bought anything of it, whatever else. '' is everything.
_GAPS = """
    own AS (
        SELECT '' AS category, member_id, gap AS days FROM gaps JOIN whom USING (member_id) WHERE gap IS NOT NULL
        UNION ALL
        SELECT category, member_id, day - lag(day) OVER (PARTITION BY category, member_id ORDER BY day)
        FROM (SELECT DISTINCT l.category[1] AS category, b.member_id, b.day
              FROM bought b JOIN whom USING (member_id) JOIN cdp_orderline l ON l.order_id = b.id
              WHERE l.category[1] IS NOT NULL) of_category),
    ended AS (SELECT * FROM own WHERE days IS NOT NULL)
"""
# (category, intervals, members, mean, quartiles, NULL) for each, and (NULL, how many, .., range) for those of the one asked for.
_INTERVALS = f""", {_GAPS},
    by_category AS (
        SELECT category, count(*) AS intervals, count(DISTINCT member_id) AS members, avg(days)::float AS mean,
               percentile_disc(%(quartiles)s::float[]) WITHIN GROUP (ORDER BY days) AS quartiles
        FROM ended GROUP BY category ORDER BY category <> '', count(*) DESC, category LIMIT %(most)s + 1)
    SELECT by_category.*, NULL FROM by_category
    UNION ALL SELECT NULL, count(*), NULL, NULL, NULL, {RANGE} FROM ended WHERE category = %(category)s GROUP BY 6
"""
MOST = 200  # categories that are told, those with the most intervals


class OfCategory(Struct, frozen=True):
    """`category` is empty for purchases of anything. `members` have at least one interval; `mean` in days."""

    category: str
    intervals: int
    members: int
    mean: float | None
    quartiles: Quartiles


class Intervals(Struct, frozen=True):
    """`ranges` are of `category` where one was asked for, else of all purchases."""

    overall: OfCategory
    category: str
    ranges: list[Range]
    categories: list[OfCategory]


def intervals(whom: Whom = EVERYBODY, *, category: str = "", as_of: datetime) -> Intervals:
    """`category` is one of the first level."""
    given = {"quartiles": list(QUARTILES), "most": MOST, "category": category}
    rows = ask(_INTERVALS, {"whom": whom}, as_of=as_of, given=given)
    counts = {number: count for name, count, *_rest, number in rows if name is None}
    told = [
        OfCategory(name, count, members, mean, Quartiles(*quartiles))
        for name, count, members, mean, quartiles, _number in rows
        if name is not None
    ]
    overall = next((one for one in told if not one.category), OfCategory("", 0, 0, None, Quartiles(None, None, None)))
    categories = sorted((one for one in told if one.category), key=lambda one: (-one.intervals, one.category))
    return Intervals(overall, category, ranges(counts), categories)
