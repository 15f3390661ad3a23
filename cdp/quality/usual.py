"""What is usual on a weekday, and when a day falls short of it. Median and MAD of the same weekday of the eight weeks before:
one holiday or one burst among them changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median

WEEKS = 8
ENOUGH = 4  # weeks since the first row; before that nothing is usual
LEAST = 20  # rows a day; below that chance moves more than a fault would
SPREADS = 3  # how far below the median
SHARE = 0.7  # and at most this part of it: less than a third off is no sudden drop
_NORMAL = 1.4826  # MAD -> standard deviation


@dataclass(frozen=True)
class Usual:
    rows: float
    spread: float

    def dropped(self, rows: int) -> bool:
        return self.rows >= LEAST and rows < self.rows - SPREADS * self.spread and rows <= SHARE * self.rows


def usual(rows: Mapping[date, int], day: date, *, since: date) -> Usual | None:
    """`rows` by day, absent ones are none; `since`: the day of the first. None while the weekday has too little history."""
    before = [day - timedelta(weeks=n) for n in range(1, WEEKS + 1)]
    same = [rows.get(one, 0) for one in before if one >= since]
    if len(same) < ENOUGH:
        return None
    middle = median(same)
    deviation = _NORMAL * median(abs(one - middle) for one in same)
    return Usual(middle, max(deviation, sqrt(middle)))  # counts scatter by their root even where the sample does not
