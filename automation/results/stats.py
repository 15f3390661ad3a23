"""How sure a rate and a difference of two rates are. Score intervals: right for small arms and for rates near zero too."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Arm:
    """`n` units, of which `converted` reached the goal."""

    n: int
    converted: int

    @property
    def rate(self) -> float:
        return self.converted / self.n


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    def covers(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference:
    value: float
    ci: Interval


def wilson(arm: Arm) -> Interval:
    """The score interval of one rate."""
    middle = 2 * arm.converted + Z * Z
    spread = Z * sqrt(Z * Z + 4 * arm.converted * (1 - arm.rate))
    return Interval((middle - spread) / (2 * (arm.n + Z * Z)), (middle + spread) / (2 * (arm.n + Z * Z)))


def difference(treated: Arm, held_out: Arm) -> Difference | None:
    """Rate of the treated less that of the held out, with Newcombe's hybrid score interval (his method 10).

    None while an arm is empty: there is nothing to compare.
    """
    if not treated.n or not held_out.n:
        return None
    one, two = wilson(treated), wilson(held_out)
    value = treated.rate - held_out.rate
    down = sqrt((treated.rate - one.low) ** 2 + (two.high - held_out.rate) ** 2)
    up = sqrt((one.high - treated.rate) ** 2 + (held_out.rate - two.low) ** 2)
    return Difference(value, Interval(value - down, value + up))
