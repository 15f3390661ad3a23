"""What is usual on a weekday, and when a day falls short of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cdp.quality.usual import usual

DAY = date(2026, 3, 4)  # a Wednesday


def weeks(*rows):
    """Rows of the Wednesdays before, latest first."""
    return {DAY - timedelta(weeks=n): one for n, one in enumerate(rows, 1)}


def of(rows, since=date(2025, 1, 1)):
    return usual(rows, DAY, since=since)


def test_the_median_of_the_same_weekday_and_its_spread():
    found = of(weeks(100, 104, 96, 100, 1000, 100, 98, 102))

    # Deviations from 100: 0 4 4 0 900 0 2 2, of which the median is 2; the root of 100 is more than 1.4826 x 2.
    assert (found.rows, found.spread) == (100, 10)
    wide = of(weeks(100, 200, 300, 400, 500, 600, 700, 800))
    assert (wide.rows, wide.spread) == (450, pytest.approx(1.4826 * 200))


def test_other_weekdays_and_more_than_eight_weeks_ago_do_not_count():
    rows = weeks(*[100] * 8) | {DAY - timedelta(days=1): 9999, DAY - timedelta(weeks=9): 9999}

    assert of(rows).rows == 100


def test_a_day_without_rows_is_a_day_of_none_once_the_source_is_known():
    assert of(weeks(100, 100, 100, 100)).rows == 50  # four of eight weeks are empty
    assert of(weeks(100, 100, 100, 100), since=DAY - timedelta(weeks=4)).rows == 100


def test_with_less_than_four_weeks_nothing_is_usual():
    assert of(weeks(100, 100, 100), since=DAY - timedelta(weeks=3)) is None
    assert of(weeks(100, 100, 100), since=DAY - timedelta(weeks=3, days=6)) is None


@pytest.mark.parametrize(
    ("rows", "dropped"),
    [(0, True), (69, True), (70, False), (71, False), (100, False), (500, False)],
)
def test_a_drop_is_more_than_three_spreads_and_at_least_thirty_percent(rows, dropped):
    # Three spreads of 100 rows are 30: below 70.
    assert of(weeks(*[100] * 8)).dropped(rows) is dropped


def test_a_tenth_less_of_many_is_no_sudden_drop_and_of_few_nothing_is():
    assert of(weeks(*[10_000] * 8)).dropped(8_999) is False
    assert of(weeks(*[10_000] * 8)).dropped(7_000) is True
    assert of(weeks(*[19] * 8)).dropped(0) is False
    assert of(weeks(*[20] * 8)).dropped(0) is True


def test_a_weekday_that_scatters_is_given_room():
    assert of(weeks(100, 200, 300, 400, 500, 600, 700, 800)).dropped(0) is False
