"""Figures of a day: exact, the same however often they are rolled up, and right again when late news came."""

from __future__ import annotations

from datetime import date

import pytest

from automation.models import Figure
from automation.results.attribution import credit
from automation.results.rollup import catch_up, roll_up
from automation.tasks import roll_up as task
from cdp.models import Order, Placement
from config.ground import clock
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

OCT_4 = date(2017, 10, 4)


@pytest.fixture(autouse=True)
def _in_new_york():
    Brand.objects.update(timezone="America/New_York", currency="USD")


def figures(of: date = OCT_4) -> dict[tuple, int]:
    rows = Figure.objects.filter(day=of).exclude(key="kpi")
    return {(f.key, *(f.dimensions[name] for name in sorted(f.dimensions))): f.value for f in rows}


@pytest.fixture
def world():
    """On the 4th of October one is enrolled and one held out, one message goes out, and both buy."""
    version, member, held = a_journey(), a_member(), a_member()
    enrolment = an_enrolment(version, member, day(3))
    an_enrolment(version, held, day(3), held_out=True)
    message = a_message(enrolment, day(3.1))
    for who, since, value in (
        (member, 0, "dormant"),
        (member, 3.2, "active"),
        (held, 0, "dormant"),
        (held, 4, "active"),
    ):
        Placement.objects.create(member=who, axis="stage", value=value, since=day(since))
    credit([an_order(member, day(3.2), 700).pk, an_order(held, day(3.2), 300).pk], now=NOW)
    return message


def test_every_figure_of_a_day(world):
    roll_up(OCT_4)

    assert figures() == {
        ("messages", "sms", "delivered", "sent"): 1,
        ("enrolments", "treated", "win-back"): 1,
        ("enrolments", "held_out", "win-back"): 1,
        ("conversions", "win-back"): 1,
        ("conversion_amount", "win-back"): 700,
        ("members", "stage", "active"): 1,
        ("members", "stage", "dormant"): 1,
        ("orders",): 2,
        ("amount",): 1000,
    }


def test_a_day_ends_at_the_brands_midnight(world):
    member = a_member()
    an_order(member, clock.midnight(date(2017, 10, 5), clock.zone()), 5000)

    roll_up(OCT_4)
    roll_up(date(2017, 10, 5))

    assert figures()["amount",] == 1000
    assert figures(date(2017, 10, 5))["amount",] == 5000


def test_rolling_up_twice_is_once(world):
    roll_up(OCT_4)
    before = list(Figure.objects.order_by("pk").values_list())

    roll_up(OCT_4)

    assert list(Figure.objects.order_by("pk").values_list()) == before


def test_late_news_corrects_the_day(world):
    roll_up(OCT_4)
    type(world).objects.update(delivery="replied")

    roll_up(OCT_4)

    assert figures()["messages", "sms", "replied", "sent"] == 1
    assert ("messages", "sms", "delivered", "sent") not in figures()


def test_catching_up_reaches_from_the_last_day_to_today(world):
    assert catch_up(now=day(3)) == [date(2017, 9, 4 + n) for n in range(27)] + [date(2017, 10, n) for n in (1, 2, 3, 4)]
    late = [date(2017, 9, 30), date(2017, 10, 1), date(2017, 10, 2), date(2017, 10, 3)]  # receipts may still come
    assert catch_up(now=day(3)) == [*late, OCT_4]
    assert catch_up(now=day(5)) == [*late[2:], OCT_4, date(2017, 10, 5), date(2017, 10, 6)]


def test_the_kpis_of_a_day_are_measured_once_and_again_when_it_is_asked_for(world):
    catch_up(now=day(3))
    Figure.objects.filter(day=OCT_4, key="kpi").update(value=-1)

    catch_up(now=day(3))
    assert set(Figure.objects.filter(day=OCT_4, key="kpi").values_list("value", flat=True)) == {-1}

    roll_up(OCT_4)
    assert -1 not in set(Figure.objects.filter(day=OCT_4, key="kpi").values_list("value", flat=True))


def test_where_everybody_stands_is_settled_when_the_day_is_over(world):
    catch_up(now=day(3))
    late = a_member()
    Placement.objects.create(member=late, axis="stage", value="active", since=day(3.3))

    catch_up(now=day(3.4))
    assert figures()["members", "stage", "active"] == 1
    catch_up(now=day(4))
    assert figures()["members", "stage", "active"] == 2
    assert figures(date(2017, 10, 5))["members", "stage", "active"] == 3


def test_orders_that_come_late_correct_their_day_and_the_kpis_of_today(world):
    catch_up(now=day(20))
    an_order(a_member(), day(5), 4000)
    an_order(a_member(), day(20), 9000)  # today's are no late ones
    Figure.objects.filter(day=date(2017, 10, 21), key="kpi").update(value=-1)

    rolled = catch_up(now=day(20.1))

    assert rolled == [date(2017, 10, 6)] + [date(2017, 10, 17 + n) for n in range(5)]
    assert figures(date(2017, 10, 6))["amount",] == 4000
    assert -1 not in set(Figure.objects.filter(day=date(2017, 10, 21), key="kpi").values_list("value", flat=True))
    assert catch_up(now=day(20.1)) == rolled[1:]


def test_refunds_that_come_late_correct_the_day_of_their_order(world):
    order = Order.objects.get(amount=700)
    catch_up(now=day(20))

    a_refund(order, day(3.3), 100)
    a_refund(Order.objects.get(amount=300), day(3.3), 300)
    a_refund(order, day(4), 600)  # the next day: the figures of the order's own day stand

    assert catch_up(now=day(20.1))[0] == OCT_4
    found = figures()
    assert (found["orders",], found["amount",]) == (1, 600)
    assert (found["conversions", "win-back"], found["conversion_amount", "win-back"]) == (1, 600)
    assert catch_up(now=day(20.1))[0] != OCT_4


def test_the_tick_rolls_up_the_brands_today(world):
    Brand.objects.update(clock_mode="replay", clock_at=day(3.5))

    task()

    assert max(Figure.objects.values_list("day", flat=True)) == OCT_4
    assert figures()["orders",] == 2


def test_a_days_amount_has_its_exchanges_and_its_returns_and_a_late_one_brings_the_day_back():
    member = a_member()
    order = an_order(member, day(2), 500)
    an_order(member, day(3.1), 700, exchange_of=order.external_id)
    a_refund(order, day(3.1), 500)
    a_return(None, day(3.2), 50)
    catch_up(now=day(7))
    assert (figures()[("orders",)], figures()[("amount",)]) == (0, 650)
    assert (figures(date(2017, 10, 3))[("orders",)], figures(date(2017, 10, 3))[("amount",)]) == (1, 500)

    a_return(member, day(3.3), 30)
    a_return(member, day(-10), 20)  # on a day without any order
    days = catch_up(now=day(20))

    assert OCT_4 in days
    assert figures()[("amount",)] == 620
    assert figures(date(2017, 9, 21))[("amount",)] == -20
