"""The report does not flatter us: where nothing was caused, 1,000 draws of the hold-out rarely find an effect.

The outcomes stay as they are; only the salt decides who is held out, through the hash and the statements of the report. The
place in the order of members stands for the member's number, which differs from run to run.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from automation.results.arms import COUNTS, UNITS, read
from automation.results.period import Period
from automation.results.stats import difference
from cdp.models import Member
from config.complete_journey import BEGIN, Past, dress
from config.demonstration import START
from tests.automation.results.builders import NOW, a_journey, a_member, an_enrolment, an_order, day

pytestmark = pytest.mark.django_db

SALTS = 1000
DRAWS = f"""
    WITH unit AS MATERIALIZED (SELECT *, row_number() OVER (ORDER BY member_id) AS place FROM ({UNITS}) units),
    drawn AS (SELECT salt, open, converted, automation_unit('journey:win-back:' || salt, place) < 0.2 AS held_out
              FROM unit CROSS JOIN generate_series(1, %(salts)s) salt)
    SELECT {COUNTS} FROM drawn GROUP BY salt ORDER BY salt"""


@pytest.fixture
def shoppers():
    """500 members; 3 of 10 buy within the window, whatever anybody sends."""
    version = a_journey()
    for number in range(500):
        member = a_member()
        an_enrolment(version, member, day(number % 20))
        if number * 7 % 10 < 3:
            an_order(member, day(number % 20 + number % 13 + 0.5))
    return version.journey


def draws(journey, salts=SALTS):
    with connection.cursor() as cursor:
        cursor.execute(DRAWS, Period(NOW).parameters(journey.pk) | {"salts": salts})
        return [read(*row) for row in cursor.fetchall()]


def test_a_journey_that_causes_nothing_is_found_to_cause_nothing_in_95_of_100_draws(shoppers):
    drawn = draws(shoppers)

    assert len(drawn) == SALTS
    assert {arms.treated.n + arms.held_out.n for arms in drawn} == {500}
    assert {arms.treated.converted + arms.held_out.converted for arms in drawn} == {150}
    covering = sum(difference(arms.treated, arms.held_out).ci.covers(0) for arms in drawn)
    assert 930 <= covering <= 975


@pytest.fixture
def households():
    """Real shoppers of October 2017, each enrolled on its first day. None of them ever saw a message of ours."""
    dress()
    until = START + timedelta(days=31)
    Past(400)(BEGIN, until, now=until, history=True)
    version = a_journey()
    for member in Member.objects.order_by("pk"):
        an_enrolment(version, member, START)
    return version.journey


def test_so_it_is_with_real_shoppers(households):
    """What they bought in their own 14 days is not a coin: who comes often comes anyway. The lift is zero all the same."""
    drawn = draws(households)

    bought = {arms.treated.converted + arms.held_out.converted for arms in drawn}
    assert len(bought) == 1 and 250 < bought.pop() < 400
    covering = sum(difference(arms.treated, arms.held_out).ci.covers(0) for arms in drawn)
    assert 930 <= covering <= 975


def test_an_effect_that_is_there_is_found(shoppers):
    """The other half of honesty: of the treated, every third who would not have bought does."""
    found = 0
    for arms in draws(shoppers, salts=200):
        moved = type(arms.treated)(
            arms.treated.n, arms.treated.converted + (arms.treated.n - arms.treated.converted) // 3
        )
        lift = difference(moved, arms.held_out)
        assert lift is not None
        found += lift.ci.low > 0
    assert found >= 190
