"""How sure a difference is: known values, and what is too small to be judged."""

from __future__ import annotations

import pytest

from cdp.insight.significance import FALSE, discoveries, z_test


def test_the_pooled_z_test_has_the_textbooks_values():
    z, p = z_test((20, 100), (10, 100))

    assert (z, p) == (pytest.approx(1.980295), pytest.approx(0.047670, abs=1e-6))
    assert z_test((10, 100), (20, 100)) == (pytest.approx(-1.980295), pytest.approx(p))
    assert z_test((30, 100), (60, 200)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [((2, 2), (0, 1000)), ((9, 10), (990, 1000)), ((0, 100), (0, 100)), ((100, 100), (100, 100)), ((0, 0), (5, 10)), ((4, 9), (4, 9))],
)  # fmt: skip
def test_small_cells_are_not_judged(one, other):
    assert z_test(one, other) is None


def test_among_many_looks_one_lucky_p_is_no_discovery():
    assert discoveries([0.009]) == [True]
    assert discoveries([0.009, *[0.5] * 99]) == [False] * 100
    assert discoveries([0.00001, None, 0.9, 0.5, FALSE / 2]) == [True, False, False, False, True]
    assert discoveries([0.5, 0.019, 0.0075, 0.00001]) == [False, False, False, True]
    assert discoveries([0.009, 0.0075]) == [True, True]  # the larger lets the smaller stand
    assert discoveries([]) == discoveries([None])[1:] == []
