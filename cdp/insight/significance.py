"""Whether a share differs from another by more than chance would do: the pooled z test of two proportions, and Benjamini and
Hochberg's bound on the false ones among many that are looked at together. Small cells are not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, sqrt

FEWEST = 5  # that must be expected in each of the four cells
FALSE = 0.01  # share of the marks that chance may have made


def z_test(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float] | None:
    """(z, two-sided p) for (how many, of how many) against the same; None where a cell is too small to say."""
    (a, n), (b, m) = one, other
    if not n or not m:
        return None
    pooled = (a + b) / (n + m)
    if min(pooled, 1 - pooled) * min(n, m) < FEWEST:
        return None
    z = (a / n - b / m) / sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return z, erfc(abs(z) / sqrt(2))


def discoveries(ps: Sequence[float | None]) -> list[bool]:
    """Which of them stand, when of those that stand at most FALSE may be chance."""
    ordered = sorted(p for p in ps if p is not None)
    bound = max((p for n, p in enumerate(ordered, 1) if p <= FALSE * n / len(ordered)), default=-1.0)
    return [p is not None and p <= bound for p in ps]
