"""Days between two purchases, counted in ranges that people think in: a week, a fortnight, a month, a season."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

EDGES = (1, 4, 8, 15, 22, 31, 46, 61, 91, 181)  # each range begins at one and ends before the next; the last has no end
QUARTILES = (0.25, 0.5, 0.75)
# SQL: which range a number of days is in, from 1.
RANGE = f"width_bucket(days, ARRAY[{', '.join(map(str, EDGES))}])"


class Range(Struct, frozen=True):
    """From `low` to `high` days, both included; the last has no end."""

    low: int
    high: int | None
    count: int


class Quartiles(Struct, frozen=True):
    """Days, of those that there are (never between two of them)."""

    p25: int | None
    p50: int | None
    p75: int | None


def ranges(counts: dict[int, int]) -> list[Range]:
    ends: Sequence[int | None] = [*(edge - 1 for edge in EDGES[1:]), None]
    return [Range(low, high, counts.get(n, 0)) for n, (low, high) in enumerate(zip(EDGES, ends, strict=True), 1)]
