"""What may not be published: more than the rule engine carries, what hangs or breaks it in the trial, what it reads otherwise."""

from __future__ import annotations

import pytest
from django.utils import translation

from automation import publishing
from automation.errors import InvalidJourney
from automation.models import Journey, JourneyVersion
from automation.realtime import checking, limits, trial
from cdp.models import Interest
from connectors import accounts
from tests.automation.builders import EVERYBODY, NOW, a_document, a_journey, members

pytestmark = pytest.mark.django_db
NAMED = {"field": "name", "op": "=", "value": "李"}


@pytest.fixture(autouse=True)
def templates(db):
    accounts.install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=NOW)


def by_event(where=None, type="cart_add", **more):
    trigger = {"type": type, "timezone": "Asia/Shanghai"} | ({"where": where} if where else {}) | more
    return {"event": trigger}


def publish(key="cart", **changes):
    return publishing.publish(a_document(key, **{"trigger": by_event()} | changes), by="li", now=NOW)


def refused(**changes):
    """(path, code, message) of each fault; nothing is kept of what was refused."""
    with translation.override("en"), pytest.raises(InvalidJourney) as error:
        publish(**changes)
    assert not Journey.objects.filter(key="cart").exists()
    assert not Interest.objects.filter(kind="cart_add").exists()
    return [(fault.path, fault.code, fault.message) for fault in error.value.faults]


def names(count):
    """So many groups, each of which may hold in two ways."""
    return [
        {"any": [{"field": "name", "op": "contains", "value": f"{letter}{n}"} for letter in "ab"]} for n in range(count)
    ]


def test_a_rule_within_the_limits_is_published():
    members(3, "李")

    version = publish(entry={"all": [NAMED, {"not": {"did": "order", "within": "P30D"}}]})

    assert version.origin == "journey:cart@1"
    assert Interest.objects.filter(reader="automation", kind="cart_add").count() == 1


def test_a_rule_that_can_hold_in_too_many_ways_is_refused_with_a_sentence():
    assert refused(entry={"all": names(7)}) == [
        (
            "trigger.event",
            "rule_ways",
            "it can hold in 128 ways at once, the rule engine carries 64; fewer alternatives",
        )
    ]


def test_all_that_there_is_too_much_of_is_said_at_once():
    faults = refused(entry={"all": names(30)})

    assert [code for _path, code, _message in faults] == ["rule_at_once", "rule_groups", "rule_ways"]
    assert faults[1][2] == "it has 31 groups, the rule engine carries 14; join some"


def test_a_rule_that_hangs_the_library_in_the_trial_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "DISTINCT", 10_000)  # as if nobody had counted
    monkeypatch.setattr(limits, "WAYS", 10_000)
    monkeypatch.setattr(trial, "PATIENCE", 3)
    values = [{"field": "name", "op": "in", "value": [f"{n}/{m}" for m in range(16)]} for n in range(40)]

    assert refused(entry={"any": values}) == [
        ("trigger.event", "rule_hangs", "the rule engine does not answer with this condition; write it more simply")
    ]


def test_a_rule_that_breaks_the_library_in_the_trial_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "AT_ONCE", 10_000)  # as if nobody had counted
    monkeypatch.setattr(limits, "WAYS", 10_000)
    asked = [{"field": "name", "op": "contains", "value": f"{n}"} for n in range(70)]

    assert refused(entry={"any": asked}) == [
        ("trigger.event", "rule_crashes", "the rule engine breaks with this condition; write it more simply")
    ]


def test_a_rule_that_the_library_reads_otherwise_is_refused(monkeypatch):
    members(3, "李")
    monkeypatch.setattr(checking.trial, "fired", lambda rules, facts, **_how: [[] for _fact in facts])

    assert [code for _path, code, _message in refused(entry=NAMED)] == ["rule_disagrees"]


def test_the_rules_beside_it_are_in_the_trial_too(monkeypatch):
    publish("first", entry=NAMED)
    tried = []
    real = trial.fired
    monkeypatch.setattr(
        trial, "fired", lambda rules, facts, **how: tried.append(len(rules)) or real(rules, facts, **how)
    )

    publish("second", entry=NAMED)
    publish("second", entry=EVERYBODY)

    assert tried == [2, 2]


def test_a_journey_that_runs_on_a_schedule_needs_no_trial(monkeypatch):
    monkeypatch.setattr(trial, "fired", lambda *_given: 1 / 0)
    a_journey("other", entry={"all": names(30)})

    assert JourneyVersion.objects.count() == 1
