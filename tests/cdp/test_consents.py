"""Every word is kept; the latest is in force, and a withdrawal wins a tie."""

from __future__ import annotations

from itertools import permutations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp.consents import Said, set_state
from cdp.models import Consent, ConsentRecord
from tests.builders import a_consent, a_member, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-10"


def say(member, *words, together=True):
    said = [Said(member, "sms", "marketing", state, at(when), "form") for state, when in words]
    for batch in [said] if together else [[one] for one in said]:
        set_state(batch, now=at(NOW))


def in_force():
    return list(Consent.objects.values_list("channel", "state", "at"))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "words",
    list(
        permutations(
            [
                ("granted", "2017-10-01"),
                ("withdrawn", "2017-10-02"),
                ("granted", "2017-10-03"),
                ("withdrawn", "2017-10-03"),
            ]
        )
    ),
)
def test_the_latest_word_is_in_force_in_whatever_order_it_comes(words, together):
    say(a_member(), *words, together=together)

    assert in_force() == [("sms", "withdrawn", at("2017-10-03"))]
    assert ConsentRecord.objects.count() == 4


def test_a_late_grant_of_an_earlier_day_changes_nothing():
    member = a_member()
    say(member, ("withdrawn", "2017-10-02"))
    say(member, ("granted", "2017-10-01"))

    assert in_force() == [("sms", "withdrawn", at("2017-10-02"))]


def test_the_same_word_twice_is_recorded_once():
    member = a_member()

    first = set_state([Said(member, "sms", "marketing", "granted", at("2017-10-01"), "form")], now=at(NOW))
    again = set_state([Said(member, "sms", "marketing", "granted", at("2017-10-01"), "form")], now=at(NOW))

    assert (first, again) == ({member}, set())
    assert ConsentRecord.objects.count() == 1


def test_channels_and_members_are_apart():
    one, other = a_member(), a_member()
    a_consent(one)
    a_consent(one, "email", "withdrawn")
    a_consent(other, "sms", "withdrawn")

    held = Consent.objects.order_by("member", "channel").values_list("member", "channel", "state")
    assert list(held) == [(one, "email", "withdrawn"), (one, "sms", "granted"), (other, "sms", "withdrawn")]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE cdp_consentrecord SET state = 'granted'", "DELETE FROM cdp_consentrecord", "TRUNCATE cdp_consentrecord"],
)
def test_what_was_said_is_never_edited(statement):
    say(a_member(), ("withdrawn", "2017-10-02"))

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)

    assert ConsentRecord.objects.get().state == "withdrawn"
