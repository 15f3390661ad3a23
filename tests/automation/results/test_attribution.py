"""An order is credited to the last message that went out before it while the goal window was open, whatever the order of news."""

from __future__ import annotations

import pytest

from automation.listening import READER, listen
from automation.models import Conversion
from automation.results.attribution import credit
from cdp import feed
from cdp.ingest.accept import Own, accept, record
from cdp.models import Order
from config.ground.cause import Cause
from connectors import announce
from tests.automation.results.builders import NOW, a_journey, a_member, a_message, an_enrolment, an_order, day

pytestmark = pytest.mark.django_db


def credited() -> list[tuple[int, int, str]]:
    return [(c.order_id, c.enrolment_id, str(c.message)) for c in Conversion.objects.order_by("order_id")]


def test_the_last_of_two_journeys_that_touched_gets_the_credit():
    member = a_member()
    first = an_enrolment(a_journey("win-back"), member, day(0))
    last = an_enrolment(a_journey("top-care"), member, day(2))
    a_message(first, day(1))
    touch = a_message(last, day(3))
    order = an_order(member, day(5), amount=1999)

    assert credit([order.pk], now=NOW) == 1

    conversion = Conversion.objects.get()
    assert (conversion.order_id, conversion.enrolment_id, conversion.message) == (order.pk, last.pk, touch.pk)
    assert (conversion.amount, conversion.at, conversion.model) == (1999, day(5), "last_touch")


def test_an_exchange_is_not_credited():
    member = a_member()
    a_message(an_enrolment(a_journey(), member, day(0)), day(1))
    order = an_order(member, day(2))
    exchange = an_order(member, day(3), exchange_of=order.external_id)

    assert credit([order.pk, exchange.pk], now=NOW) == 1
    assert Conversion.objects.get().order_id == order.pk


def test_crediting_twice_is_once():
    member = a_member()
    a_message(an_enrolment(a_journey(), member, day(0)), day(1))
    orders = [an_order(member, day(2)).pk, an_order(member, day(3)).pk]

    assert [credit(orders, now=NOW), credit(orders, now=NOW), credit(orders[:1], now=NOW)] == [2, 0, 0]
    assert Conversion.objects.count() == 2


@pytest.mark.parametrize(
    ("_case", "message", "ordered"),
    [
        ("before the message", {"at": 2}, 1),
        ("at the instant of the message", {"at": 2}, 2),
        ("after the goal window", {"at": 2}, 15),
        ("the message never went out", {"at": 2, "state": "suppressed"}, 3),
        ("its fate is not known", {"at": 2, "state": "unknown_final"}, 3),
        ("it was not delivered", {"at": 2, "delivery": "undelivered"}, 3),
    ],
)
def test_no_credit(_case, message, ordered):
    member = a_member()
    a_message(an_enrolment(a_journey(), member, day(0)), day(message.pop("at")), **message)
    order = an_order(member, day(ordered))

    assert credit([order.pk], now=NOW) == 0
    assert credited() == []


def test_another_members_message_is_no_touch():
    a_message(an_enrolment(a_journey(), a_member(), day(0)), day(1))

    assert credit([an_order(a_member(), day(2)).pk], now=NOW) == 0


def test_a_message_that_turns_out_undelivered_gives_the_credit_back():
    member = a_member()
    version = a_journey()
    early = a_message(an_enrolment(version, member, day(0)), day(1))
    late = a_message(an_enrolment(a_journey("top-care"), member, day(1)), day(2))
    order = an_order(member, day(3))
    credit([order.pk], now=NOW)
    assert credited()[0][2] == str(late.pk)

    late.delivery = "undelivered"
    late.save()
    assert credit([order.pk], now=NOW) == 1
    assert credited()[0][2] == str(early.pk)

    early.delivery = "undelivered"
    early.save()
    credit([order.pk], now=NOW)
    assert credited() == []


def drain() -> None:
    while feed.drain(READER, limit=100, now=NOW):
        pass


def test_orders_are_credited_as_they_are_heard():
    listen()
    row = {"id": "A1", "identities": ["crm_id:1"], "placed_at": day(5).isoformat(), "amount": 500, "currency": "CNY"}
    first = {**row, "id": "A0", "placed_at": day(-9).isoformat()}
    accept("orders", [first], source="shop", now=NOW)
    member = Order.objects.get().member
    touch = a_message(an_enrolment(a_journey(), member, day(0)), day(1))

    accept("orders", [row], source="shop", now=NOW)
    feed.drain(feed.PROFILE, limit=10, now=NOW)
    drain()

    assert credited() == [
        (Order.objects.get(external_id="A1").pk, Conversion.objects.get().enrolment_id, str(touch.pk))
    ]


def test_an_answer_that_comes_after_the_order_still_credits_it():
    listen()
    member = a_member()
    touch = a_message(an_enrolment(a_journey(), member, day(0)), day(1), state="unknown_final")
    order = an_order(member, day(3))
    credit([order.pk], now=NOW)
    assert credited() == []

    type(touch).objects.filter(pk=touch.pk).update(state="sent", sent_at=day(1), reason="")
    announce.tell("message.sent", [touch.pk], now=day(4))
    feed.drain(feed.PROFILE, limit=10, now=NOW)
    drain()

    assert [row[0] for row in credited()] == [order.pk]


def test_events_without_a_message_of_ours_credit_nothing():
    listen()
    member = a_member()
    record([Own("message.sent", member.pk, Cause("test", "1"), day(1), {})], now=NOW)
    feed.drain(feed.PROFILE, limit=10, now=NOW)

    drain()

    assert credited() == []
