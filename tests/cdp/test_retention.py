"""Events go when their type is kept no longer; that they were seen stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdp import daily, personal, retention
from cdp.ingest.accept import accept
from cdp.models import Behaviour, Event, EventType, FeedRow, Profile, Seen
from config.ground.models import AuditRow
from tests.builders import a_member, absorbed, an_event, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-10 09:00"


def kept(code, days):
    personal.declare(code, retention_days=days, actor="admin:li", now=at(NOW))


def left():
    return sorted((type, f"{occurred:%m-%d %H}") for type, occurred in Event.objects.values_list("type", "occurred_at"))


def test_what_is_older_goes_to_the_midnight_and_nothing_else_does():
    member = a_member()
    kept("browse", 30)
    kept("login", 5)
    kept("search", None)
    for type in ("browse", "login", "search", "other"):
        for occurred in (
            "2016-01-01 12:00",
            "2017-09-09 23:59",
            "2017-09-10 00:00",
            "2017-10-04 12:00",
            "2017-10-05 12:00",
        ):
            an_event(member, type, occurred)

    went = retention.sweep(now=at(NOW))

    days = dict.fromkeys(("browse", "login", "search", "other"), 0)
    for type in Event.objects.values_list("type", flat=True):
        days[type] += 1
    assert days == {"browse": 3, "login": 1, "search": 5, "other": 5}
    assert Event.objects.filter(type="browse").order_by("occurred_at").first().occurred_at == at("2017-09-10 00:00")
    assert went == {"event:browse": 2, "event:login": 4}
    assert dict(EventType.objects.values_list("code", "deleted")) == {"browse": 2, "login": 4, "search": 0}
    assert EventType.objects.get(code="login").swept_at == at(NOW)
    assert AuditRow.objects.get(action="retention.swept").detail == went


def test_a_second_look_the_same_day_finds_nothing_and_says_nothing():
    kept("browse", 30)
    an_event(a_member(), "browse", "2017-01-01")

    assert retention.sweep(now=at(NOW)) == {"event:browse": 1}
    assert retention.sweep(now=at(NOW)) == {}
    assert AuditRow.objects.filter(action="retention.swept").count() == 1


def test_slices_go_on_where_the_last_one_ended(monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 3)
    kept("browse", 30)
    member = a_member()
    for hour in range(11):
        an_event(member, "browse" if hour % 2 == 0 else "login", f"2017-01-01 {hour:02}:00")

    assert retention.sweep(now=at(NOW)) == {"event:browse": 6}
    assert {type for type, _at in left()} == {"login"}


def test_a_late_repeat_of_what_is_gone_is_a_duplicate_and_the_profile_stays():
    member = a_member(crm_id="1")
    an_order(member, "2017-09-01", 1000)
    row = {"id": "E1", "type": "browse", "identities": ["crm_id:1"], "occurred_at": at("2017-01-01").isoformat()}
    accept("events", [row], source="shop", now=at(NOW))
    absorbed(now=at(NOW))
    before = Profile.objects.values().get()
    kept("browse", 30)

    retention.sweep(now=at(NOW))

    answer = accept("events", [row], source="shop", now=at(NOW))
    assert (answer.accepted, answer.duplicates) == (0, 1)
    assert not Event.objects.filter(type="browse").exists()
    assert Seen.objects.filter(external_id="E1").exists()
    absorbed(now=at(NOW))
    assert Profile.objects.values().get() == before


def test_what_was_known_of_what_is_gone_goes_with_it_and_triggers_nothing():
    member = a_member()
    for occurred in ("2017-01-01 12:00", "2017-10-01 12:00"):
        an_event(member, "login", occurred)
    absorbed(now=at(NOW))
    assert Behaviour.objects.values_list("logins", "first_login_at").get() == (2, at("2017-01-01 12:00"))
    kept("login", 30)

    retention.sweep(now=at(NOW))

    assert list(FeedRow.objects.values_list("reader", "kind", "member")) == [("profile", "history", member)]
    absorbed(now=at(NOW))
    assert Behaviour.objects.values_list("logins", "first_login_at").get() == (1, at("2017-10-01 12:00"))


def test_the_day_does_it_by_itself():
    kept("browse", 1)
    an_event(a_member(), "browse", "2017-10-08 12:00")

    daily.turn(now=at(NOW))
    daily.turn(now=at(NOW) + timedelta(hours=1))

    assert not Event.objects.filter(type="browse").exists()
