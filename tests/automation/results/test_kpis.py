"""Every KPI over the 30 days before the 31st of October (from the 1st on), by hand."""

from __future__ import annotations

from datetime import date

import pytest

from automation.results.kpis import KPIS, Value, measure
from cdp import profiles
from cdp.ingest.accept import accept
from cdp.models import Member, Placement
from config.ground.models import Brand
from tests.automation.results.builders import (
    NOW,
    a_journey,
    a_member,
    a_message,
    a_refund,
    a_return,
    an_enrolment,
    an_order,
    day,
)

pytestmark = pytest.mark.django_db

DAY = date(2017, 10, 31)


@pytest.fixture(autouse=True)
def _in_new_york():
    Brand.objects.update(timezone="America/New_York", currency="USD")


def kpi(key: str) -> Value:
    return measure(DAY)[key]


def bought(*days: float, amount: int = 1000) -> Member:
    member = a_member()
    for n in days:
        an_order(member, day(n), amount)
    return member


def stands(member: Member, value: str, since: float) -> None:
    Placement.objects.create(member=member, axis="stage", value=value, since=day(since))


def test_repurchase_rate_counts_purchase_days_not_orders():
    bought(1, 1.1)
    bought(1, 2)
    bought(-5, 3)
    bought(-3, -2)
    bought(40, 41)

    assert kpi("repurchase_rate") == Value(1, 3)


def test_what_was_given_back_before_the_day_is_no_purchase_and_what_later_is_still_one():
    for back in (29, 40):
        member = bought(1)
        a_refund(an_order(member, day(2), 500), day(back), 500)
    a_refund(an_order(bought(1), day(2), 500), day(3), 100)

    assert kpi("repurchase_rate") == Value(2, 3)
    assert kpi("mean_interval") == Value(2, 2)
    assert kpi("arpu") == Value(3000 + 500 + 400, 3)


def test_exchanges_and_returns_are_money_and_no_purchase():
    member = bought(1)
    order = an_order(member, day(2), 500)
    an_order(member, day(9), 700, exchange_of=order.external_id)
    a_refund(order, day(9), 500)
    for who, when in ((member, 10), (member, -40), (member, 40), (None, 10)):
        a_return(who, day(when), 100)

    assert kpi("repurchase_rate") == Value(1, 1)
    assert kpi("mean_interval") == Value(1, 1)
    assert kpi("arpu") == Value(1000 + 700 - 100, 1)


def test_repurchase_conversion_waits_until_the_window_is_over():
    version = a_journey()
    for sent, ordered, state in (
        (0, 5, "sent"),
        (0, 15, "sent"),
        (0, 5, "suppressed"),
        (17, 18, "sent"),
        (-20, -19, "sent"),
    ):
        member = bought(ordered)
        a_message(an_enrolment(version, member, day(sent)), day(sent), state=state)

    assert kpi("repurchase_conversion") == Value(1, 2)


def test_mean_interval_is_of_intervals_that_ended_in_the_period():
    bought(-5, 5, 5.1, 25)
    bought(3)
    bought(-20, -2)

    assert kpi("mean_interval") == Value(30, 2)


def test_dormant_activation():
    for since, ordered in ((-10, 3), (-10, -1), (5, 6)):
        stands(bought(ordered), "dormant", since)
    woken = bought(2)
    stands(woken, "dormant", -20)
    stands(woken, "active", -5)

    assert kpi("dormant_activation") == Value(1, 2)


def test_retention():
    bought(-5, 5)
    bought(-5)
    bought(5)
    bought(-45, 5)

    assert kpi("retention") == Value(1, 2)


def test_churn():
    for value, churned in (("dormant", 5), ("active", None), ("dormant", 40), ("churned", None)):
        member = a_member()
        stands(member, value, -10)
        if churned:
            stands(member, "churned", churned)

    assert kpi("churn") == Value(1, 3)


def test_first_to_second_needs_30_days_behind_the_first():
    for days in ((-5, 20), (-5, 25), (-5, -4.9), (-5, 26), (3, 4), (-40, -35)):
        bought(*days)
    profiles.refresh(None, as_of=NOW)

    assert kpi("first_to_second") == Value(2, 4)


def test_aov_growth_compares_repeat_orders_with_the_same_members_first():
    member = a_member()
    an_order(member, day(-9), 1000)
    an_order(member, day(2), 1500)
    an_order(member, day(3), 2500)
    bought(5, amount=9000)
    profiles.refresh(None, as_of=NOW)

    assert kpi("aov_growth") == Value(2000, 1000)
    growth = next(each for each in KPIS if each.key == "aov_growth")
    assert Value(2000, 1000).of(growth) == 1.0


def test_arpu_counts_those_who_only_browsed():
    bought(1, amount=3000)
    bought(-1, amount=9000)
    rows = [
        {"id": str(n), "type": type, "identities": [f"crm_id:{n}"], "occurred_at": day(at).isoformat()}
        for n, type, at in ((1, "browse", 2), (2, "review", 2), (3, "login", -2))
    ]
    assert accept("events", rows, source="app", now=NOW).accepted == 3

    assert kpi("arpu") == Value(3000, 2)


def test_without_members_no_kpi_has_a_value():
    values = measure(DAY)

    assert {each.key: values[each.key].of(each) for each in KPIS} == dict.fromkeys(values)
    assert len(values) == 9
