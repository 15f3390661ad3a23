"""A withdrawal holds for whatever is not in flight yet, however close the two come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdp import consents
from connectors.claim import claim
from connectors.models import Message, Submission
from tests.connectors.builders import NOW, a_member, a_message, say, settle_all, states
from tests.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def withdraw(member: int, channel: str = "sms", purpose: str = "marketing") -> None:
    consents.set_state([consents.Said(member, channel, purpose, "withdrawn", NOW, "test")], now=NOW)


def fates() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("created_at", "id").values_list("state", "reason"))


def test_one_that_came_after_the_message_was_made_stops_it(account, sandbox):
    member = a_member()
    a_message(member)
    withdraw(member)

    settle_all()

    assert fates() == [("suppressed", "no_consent")]
    assert sandbox.accepted() == []


@pytest.mark.parametrize("channel", ["sms", "any"])
def test_one_that_is_under_way_is_waited_for(account, sandbox, channel):
    member = a_member()
    a_message(member)

    _none, claimed = at_once(lambda: withdraw(member, channel), lambda: claim(account.key, limit=10, now=NOW))

    assert claimed.call is None
    assert fates() == [("suppressed", "no_consent")]
    assert not Submission.objects.exists()


@pytest.mark.parametrize("channel", ["sms", "any"])
def test_one_that_comes_during_a_claim_waits_until_it_is_in_flight_and_stops_the_next(account, channel):
    member = a_member()
    a_message(member, "1")

    claimed, _none = at_once(lambda: claim(account.key, limit=10, now=NOW), lambda: withdraw(member, channel))
    a_message(member, "2")

    assert len(claimed.call.to) == 1
    assert claim(account.key, limit=10, now=NOW).call is None
    assert states() == {"inflight": 1, "suppressed": 1}


@pytest.mark.parametrize(
    ("words", "goes"),
    [
        ([("any", "granted")], True),
        ([("any", "withdrawn"), ("sms", "granted")], False),
        ([("sms", "granted"), ("any", "withdrawn")], False),
        ([("any", "granted"), ("sms", "withdrawn")], False),
        ([("any", "withdrawn"), ("any", "granted")], True),
        ([("email", "granted")], False),
    ],
)
def test_a_word_about_any_channel_counts_for_each(account, sandbox, words, goes):
    member = a_member(consent=None)
    for n, (channel, state) in enumerate(words):
        at = NOW - timedelta(hours=9 - n)
        consents.set_state([consents.Said(member, channel, "marketing", state, at, "test")], now=at)
    a_message(member)

    settle_all()

    assert len(sandbox.accepted()) == goes


def test_who_refuses_to_be_judged_gets_no_marketing_and_every_notice(account, sandbox):
    member = a_member()
    withdraw(member, "any", "profiling")
    a_message(member, "1")
    a_message(member, "2", purpose="service")

    settle_all()

    assert sorted(fates()) == [("sent", ""), ("suppressed", "not_judged")]
    say(member, "granted", at=NOW)  # of another purpose: it lifts nothing
    a_message(member, "3")
    settle_all()
    assert states() == {"sent": 1, "suppressed": 2}
    later = NOW + timedelta(minutes=1)
    consents.set_state([consents.Said(member, "any", "profiling", "granted", later, "test")], now=later)
    a_message(member, "4")
    settle_all()
    assert states() == {"sent": 2, "suppressed": 2}
