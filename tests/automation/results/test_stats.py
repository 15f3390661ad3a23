"""Against the published figures of Newcombe (1998), "Interval estimation for the difference between independent proportions"."""

from __future__ import annotations

import pytest

from automation.results.stats import Arm, difference, wilson


@pytest.mark.parametrize(
    ("treated", "held_out", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(treated, held_out, low, high):
    found = difference(Arm(treated[1], treated[0]), Arm(held_out[1], held_out[0]))

    assert found is not None
    assert round(found.ci.low, 4) == low
    assert round(found.ci.high, 4) == high
    assert found.value == pytest.approx(treated[0] / treated[1] - held_out[0] / held_out[1])


def test_the_interval_of_a_rate_is_the_published_one():
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3."""
    assert [round(bound, 4) for bound in (wilson(Arm(263, 81)).low, wilson(Arm(263, 81)).high)] == [0.2553, 0.3662]
    assert [round(bound, 4) for bound in (wilson(Arm(148, 15)).low, wilson(Arm(148, 15)).high)] == [0.0624, 0.1605]
    assert [round(bound, 4) for bound in (wilson(Arm(20, 0)).low, wilson(Arm(20, 0)).high)] == [0.0, 0.1611]


def test_an_empty_arm_compares_with_nothing():
    assert difference(Arm(0, 0), Arm(5, 1)) is None
    assert difference(Arm(5, 1), Arm(0, 0)) is None
