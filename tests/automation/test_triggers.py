"""An event lets its member into the journeys whose triggers it fulfils: once, in the order of their priority, soon or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation import publishing, triggers
from automation.models import Enrolment, Journey, MatchTry
from cdp import profiling
from cdp.models import Consent
from config.ground import schedules
from config.ground.models import Schedule
from tests.automation.builders import NOW, a_document, a_journey, advance, faults
from tests.builders import a_member, absorbed, an_event, an_order

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def on(type="cart_add", where=None, **more):
    return {"event": {"type": type, "timezone": "Asia/Shanghai"} | ({"where": where} if where else {}) | more}


def a_trigger(key="cart", where=None, *, type="cart_add", within=None, **more):
    entry = more.pop("entry", {"field": "name", "op": "is_set"})
    more_of_it = {"within": within} if within else {}
    return a_journey(key, trigger=on(type, where, **more_of_it), entry=entry, **more)


def enrolled():
    return list(Enrolment.objects.order_by("pk").values_list("journey__key", "member"))


def test_whoever_did_it_and_qualifies_is_enrolled_at_once():
    a_trigger(entry={"field": "name", "op": "=", "value": "李"})
    li, wang = a_member(name="李"), a_member(name="王")
    for member in (li, wang):
        an_event(member, "cart_add", NOW - HOUR, now=NOW)
    an_event(li, "browse", NOW - HOUR, now=NOW)

    absorbed(now=NOW)

    assert enrolled() == [("cart", li)]
    assert advance() == 1
    assert MatchTry.objects.count() == 0


def test_what_the_event_says_is_asked():
    a_trigger(
        where={
            "all": [
                {"event": "amount", "op": ">=", "value": 99.5},
                {"event": "sku", "op": "in", "value": ["茶", "tea"]},
            ]
        }
    )
    rich, poor, other = (a_member(name="李") for _n in range(3))
    an_event(rich, "cart_add", NOW - HOUR, now=NOW, amount=99.5, sku="茶")
    an_event(poor, "cart_add", NOW - HOUR, now=NOW, amount=99.49, sku="茶")
    an_event(other, "cart_add", NOW - HOUR, now=NOW, amount=200)

    absorbed(now=NOW)

    assert enrolled() == [("cart", rich)]


def test_what_an_order_says_is_asked():
    a_trigger(
        type="order",
        where={"all": [{"event": "amount", "op": ">", "value": 5000}, {"event": "channel", "op": "=", "value": "app"}]},
    )
    big, small = a_member(name="李"), a_member(name="王")
    an_order(big, NOW - HOUR, 6000, channel="app", now=NOW)
    an_order(small, NOW - HOUR, 4000, channel="app", now=NOW)

    absorbed(now=NOW)

    assert enrolled() == [("cart", big)]


def test_the_profile_contains_the_order_that_triggers():
    a_trigger(type="order", entry={"field": "orders", "op": "=", "value": 2})
    li = a_member(name="李")
    an_order(li, NOW - 9 * HOUR, now=NOW)
    absorbed(now=NOW)
    assert enrolled() == []

    an_order(li, NOW - HOUR, now=NOW)
    absorbed(now=NOW)

    assert enrolled() == [("cart", li)]


def test_an_event_lets_into_several_journeys_in_the_order_of_their_priority():
    for key, priority in (("low", 10), ("high", 90), ("middle", 50)):
        a_trigger(key, priority=priority)
    li = a_member(name="李")
    an_event(li, "cart_add", NOW - HOUR, now=NOW)

    absorbed(now=NOW)

    assert enrolled() == [("high", li), ("middle", li), ("low", li)]


def test_each_member_comes_by_its_own_event_and_once():
    version = a_trigger(reentry={"mode": "always"})
    li, wang = a_member(name="李"), a_member(name="王")
    for member in (li, wang, li):
        an_event(member, "cart_add", NOW - HOUR, now=NOW)
    absorbed(now=NOW)

    assert enrolled() == [("cart", li), ("cart", wang)]
    assert len(set(Enrolment.objects.values_list("cause", flat=True))) == 2
    Enrolment.objects.update(state="done", due_at=None, closed_at=NOW)
    heard = [fact for fact in HEARD if fact.member == li][:1]
    assert triggers.hear(heard, now=NOW) == 0, version  # told again, it is the same cause


HEARD = []


@pytest.fixture(autouse=True)
def listener(monkeypatch):
    """Keeps what our reader heard of."""
    HEARD.clear()
    real = triggers.hear
    monkeypatch.setattr(triggers, "hear", lambda heard, *, now: HEARD.extend(heard) or real(heard, now=now))


@pytest.mark.parametrize(("within", "ago", "comes"), [(None, 23, 1), (None, 24, 0), ("PT2H", 1, 1), ("PT2H", 2, 0)])
def test_what_is_heard_late_is_past(within, ago, comes):
    a_trigger(within=within)
    an_event(a_member(name="李"), "cart_add", NOW - ago * HOUR, now=NOW)

    absorbed(now=NOW)

    assert len(enrolled()) == comes


def test_a_paused_journey_lets_nobody_in_and_a_resumed_one_has_no_schedule():
    a_trigger()
    publishing.pause(Journey.objects.get(), by="li", now=NOW)
    an_event(a_member(name="李"), "cart_add", NOW - HOUR, now=NOW)
    absorbed(now=NOW)
    assert enrolled() == []

    publishing.resume(Journey.objects.get(), by="li", now=NOW)
    an_event(a_member(name="王"), "cart_add", NOW - HOUR, now=NOW)
    absorbed(now=NOW)

    assert len(enrolled()) == 1
    assert not Schedule.objects.exists()


def test_whoever_refuses_to_be_judged_is_not_let_in():
    a_trigger()
    li = a_member(name="李")
    Consent.objects.create(member_id=li, channel="any", purpose="profiling", state="withdrawn", at=NOW - HOUR)
    profiling.end([li], as_of=NOW)
    an_event(li, "cart_add", NOW - HOUR, now=NOW)

    absorbed(now=NOW)

    assert enrolled() == []


def test_a_journey_changes_from_a_schedule_to_an_event_and_back():
    def due():
        return schedules.due("journey:", now=NOW + timedelta(days=2))

    a_journey("cart")
    assert due() == ["journey:cart"]
    a_trigger()
    assert due() == []
    publishing.pause(Journey.objects.get(), by="li", now=NOW)
    publishing.resume(Journey.objects.get(), by="li", now=NOW)
    assert due() == []
    a_journey("cart")
    assert due() == ["journey:cart"]


@pytest.mark.parametrize(
    ("trigger", "found"),
    [
        ({}, [("trigger", "unknown_trigger")]),
        ({**on(), "schedule": {"cron": "0 10 * * *", "timezone": "UTC"}}, [("trigger", "unknown_trigger")]),
        ({"event": {}}, [("trigger.event.type", "required"), ("trigger.event.timezone", "required")]),
        (on(within="soon"), [("trigger.event.within", "invalid_duration")]),
        (on(timezone="Mars/Olympus"), [("trigger.event.timezone", "unknown_value")]),
        (on(type=""), [("trigger.event.type", "wrong_type")]),
        (on(where={"event": "amount", "op": "~", "value": 1}), [("trigger.event.where.op", "unknown_operator")]),
        (on(where={"any": []}), [("trigger.event.where.any", "empty_group")]),
    ],
)
def test_a_trigger_that_cannot_be_read_is_refused_with_its_path(trigger, found):
    assert faults(trigger=trigger) == found


def test_only_the_trigger_may_ask_of_the_event():
    of_event = {"event": "amount", "op": ">", "value": 1}

    assert faults(trigger=on(where=of_event)) == []
    assert faults(trigger=on(), entry=of_event) == [("entry.event", "no_event")]


def test_a_document_is_kept_as_it_is():
    version = a_trigger(where={"event": "amount", "op": ">", "value": 1}, within="PT2H")

    assert (
        version.document["trigger"]
        == a_document(trigger=on(where={"event": "amount", "op": ">", "value": 1}, within="PT2H"))["trigger"]
    )
