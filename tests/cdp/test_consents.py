"""Every word is kept; the latest is in force, and a withdrawal wins a tie. What may be said is a closed list; for a child a
guardian speaks.
"""

from __future__ import annotations

from itertools import permutations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import erasure
from cdp.conditions import matching
from cdp.consents import Said, set_state
from cdp.ingest.accept import accept
from cdp.models import Consent, ConsentRecord, Identity, Member, Source
from cdp.models.consent import Channel
from connectors.provider import PROVIDERS
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


def take(consent=None, *, attributes=None, identity="phone:13900000001", source="crm"):
    """A member comes in with a word; the codes of what was refused, with their paths."""
    word = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2017-10-01T10:00:00+08:00"}
    row = {"identities": [identity], "attributes": attributes or {}, "consents": [word | (consent or {})]}
    answer = accept("members", [row], source=source, now=at(NOW))
    return [(rejected.path, rejected.code) for rejected in answer.rejected]


def test_who_told_us_and_which_words_were_shown_is_kept():
    assert take({"wording": "privacy-2017.3", "evidence": "form 7"}) == []

    record = ConsentRecord.objects.get()
    assert (record.source, record.wording, record.evidence, record.guardian) == ("crm", "privacy-2017.3", "form 7", "")


@pytest.mark.parametrize(
    ("word", "path", "code"),
    [
        ({"channel": "fax"}, "consents[0].channel", "unknown_channel"),
        ({"purpose": "fun"}, "consents[0].purpose", "unknown_purpose"),
        ({"purpose": "profiling"}, "consents[0].channel", "unknown_channel"),  # it has no channel of its own
        ({"purpose": "third_party", "channel": "sms"}, "consents[0].channel", "unknown_channel"),
    ],
)
def test_what_may_be_said_is_a_closed_list(word, path, code):
    assert take(word) == [(path, code)]
    assert not Member.objects.exists()


def test_the_table_refuses_what_nobody_knows():
    with pytest.raises(IntegrityError, match="a_word_is_about_something_known"), transaction.atomic():
        set_state([Said(a_member(), "sms", "profiling", "granted", at(NOW), "x")], now=at(NOW))


def test_every_channel_that_can_be_sent_by_can_be_consented_to():
    assert {provider.caps.channel for _key, provider in PROVIDERS.items()} <= set(Channel.values)


@pytest.mark.parametrize(
    ("birthday", "day", "refused"),
    [
        ("2003-10-02", "2017-10-01", True),  # fourteen tomorrow
        ("2003-10-02", "2017-10-02", False),
        ("2004-02-29", "2018-02-28", True),
        ("2004-02-29", "2018-03-01", False),
        ("not a day", "2017-10-01", False),
    ],
)
def test_for_a_child_a_guardian_consents(birthday, day, refused):
    a_member(phone="13900000001")
    Member.objects.update(attributes={"birthday": birthday})  # one from before it was declared a date may be none
    said = {"at": f"{day}T00:00:00+08:00"}  # the brand's own midnight: the day is the brand's, not UTC's
    now = at("2018-04-01")

    def take(**word):
        row = {
            "identities": ["phone:13900000001"],
            "consents": [{"channel": "sms", "purpose": "marketing", **said, **word}],
        }
        return [(r.path, r.code) for r in accept("members", [row], source="crm", now=now).rejected]

    assert take(state="granted") == ([("consents[0].guardian", "minor")] if refused else [])
    assert take(state="granted", guardian="mother, form 8") == []
    assert take(state="withdrawn") == []
    assert ("mother, form 8" in ConsentRecord.objects.values_list("guardian", flat=True)) is refused


def test_a_row_that_brings_the_birthday_itself_is_judged_by_it():
    assert take(attributes={"birthday": "2010-01-01"}) == [("consents[0].guardian", "minor")]
    assert not Member.objects.exists()
    assert take({"guardian": "father"}, attributes={"birthday": "2010-01-01"}) == []


CHILD, ADULT = {"birthday": "2010-05-01"}, {"birthday": "1980-05-01"}
GRANT = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2017-10-01T10:00:00+08:00"}


def send(*rows, source="crm"):
    sent = [{"identities": ["crm_id:1"], **row} for row in rows]
    return [r.code for r in accept("members", sent, source=source, now=at(NOW)).rejected]


@pytest.mark.parametrize("order", [0, 1])
def test_the_birthday_may_stand_in_another_row_of_the_batch(order):
    rows = [{"attributes": CHILD}, {"consents": [GRANT]}]

    assert send(*(rows[::-1] if order else rows)) == ["minor"]

    assert not Consent.objects.exists()
    assert Member.objects.get().attributes == CHILD


def test_what_a_child_granted_before_we_knew_is_withdrawn_when_we_know():
    send({"consents": [GRANT, GRANT | {"channel": "email", "guardian": "母亲"}]})

    assert send({"attributes": CHILD}) == []

    assert set(Consent.objects.values_list("channel", "state")) == {("sms", "withdrawn"), ("email", "granted")}
    word = ConsentRecord.objects.get(state="withdrawn")
    assert (word.at, word.evidence, word.source) == (at(NOW), "no guardian", "crm")


@pytest.mark.parametrize("said", [ADULT | {"city": "上海"}, {"birthday": None, "city": "上海"}])
def test_a_child_grows_older_by_the_word_of_a_trusted_source_only(said):
    send({"attributes": CHILD})

    assert send({"attributes": said, "consents": [GRANT]}) == ["minor"]
    assert send({"attributes": said}) == ["minor"]
    assert Member.objects.get().attributes == CHILD
    Source.objects.filter(code="crm").update(trust="trusted")
    assert send({"attributes": said, "consents": [GRANT]}) == []

    assert Member.objects.get().attributes == {name: value for name, value in said.items() if value}
    assert in_force() == [("sms", "granted", at("2017-10-01T10:00:00+08:00"))]


def test_a_row_that_is_refused_leaves_no_member_and_no_identity():
    row = {"identities": ["crm_id:2", "phone:13900000001"], "attributes": CHILD, "consents": [GRANT]}

    assert send(row) == ["minor"]

    assert (Member.objects.count(), Identity.objects.count()) == (0, 0)


def test_nobody_grants_for_whoever_was_erased():
    member = a_member()
    erasure.erase(member, reason="asked", actor="test", asked_at=at(NOW), now=at(NOW))

    set_state([Said(member, "sms", "marketing", "granted", at("2017-10-11"), "form")], now=at("2017-10-11"))

    assert not Consent.objects.filter(state="granted").exists()


def test_the_no_of_an_erasure_is_later_than_a_word_that_ran_ahead():
    member = a_member()
    set_state([Said(member, "sms", "marketing", "granted", at("2017-10-10T00:04:00+08:00"), "form")], now=at(NOW))

    erasure.erase(member, reason="asked", actor="test", asked_at=at(NOW), now=at(NOW))

    assert not matching({"consent": {"channel": "sms", "purpose": "marketing"}}, as_of=at("2017-10-12")).exists()


def test_a_word_about_any_channel_counts_for_each_and_a_withdrawal_is_the_stronger():
    """(any, sms) -> may be written to by sms."""
    expected = {
        ("granted", None): True, (None, "granted"): True, ("granted", "granted"): True, ("withdrawn", "granted"): False,
        ("granted", "withdrawn"): False, ("withdrawn", None): False, (None, None): False,
    }  # fmt: skip
    members = {}
    for n, (every, sms) in enumerate(expected):
        members[every, sms] = member = a_member()
        if every:
            a_consent(member, "any", every, said=at(f"2017-09-{10 + n}"))
        if sms:
            a_consent(member, "sms", sms, said=at(f"2017-09-{20 - n}"))

    found = matching({"consent": {"channel": "sms", "purpose": "marketing"}}, as_of=at(NOW))

    granted = set(found.values_list("pk", flat=True))
    assert {words: member in granted for words, member in members.items()} == expected


def test_a_grant_of_another_channel_or_purpose_lifts_no_withdrawal():
    member = a_member()
    a_consent(member, "sms", "withdrawn", said=at("2017-10-01"))
    a_consent(member, "email", "granted", said=at("2017-10-02"))
    a_consent(member, "sms", "granted", purpose="service", said=at("2017-10-03"))

    assert not matching({"consent": {"channel": "sms", "purpose": "marketing"}}, as_of=at(NOW)).exists()
    assert matching({"consent": {"channel": "email", "purpose": "marketing"}}, as_of=at(NOW)).exists()
