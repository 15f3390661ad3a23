"""What the database refuses, whoever asks."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from config.ground import clock
from connectors.models import Attempt, Message, ProviderAccount, Submission, Template
from tests.connectors.builders import NOW, a_member, a_message, a_template, an_account

pytestmark = pytest.mark.django_db


def refuses(law: str, sql: str, *values) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    assert law in str(refusal.value)


@pytest.fixture
def message():
    a_template()
    return a_message(a_member())


@pytest.mark.parametrize(
    ("law", "change"),
    [
        ("sent_has_a_time", "state = 'sent'"),
        ("inflight_has_a_lease", "state = 'inflight'"),
        ("inflight_has_a_lease", "state = 'inflight', lease_until = now()"),
        ("unknown_will_be_asked_for", "state = 'unknown'"),
        ("a_final_state_has_a_reason", "state = 'suppressed'"),
        ("a_final_state_has_a_reason", "state = 'unknown_final'"),
        ("a_message_is_in_a_known_state", "state = 'lost'"),
    ],
)
def test_a_message_is_never_half_in_a_state(message, law, change):
    refuses(law, f"UPDATE connectors_message SET {change} WHERE id = %s", message.pk)


def test_a_template_version_is_frozen(message):
    refuses("append-only", "UPDATE connectors_templateversion SET text = 'x'")
    refuses("append-only", "DELETE FROM connectors_templateversion")


def test_an_attempt_is_kept_and_its_outcome_written_once(message):
    account = an_account()
    submission = Submission.objects.create(
        id=uuid4(), account=account, version=Template.objects.get(key="win-back").live, created_at=NOW, wire_at=NOW
    )
    Attempt.objects.create(message=message, n=1, submission=submission, address=b"a" * 32)

    assert Attempt.objects.update(outcome="accepted", code="OK") == 1
    refuses("an outcome is written once", "UPDATE connectors_attempt SET outcome = 'unknown'")
    refuses("append-only", "DELETE FROM connectors_attempt")


def test_an_attempt_never_changes_its_message_along_with_its_outcome(message):
    account = an_account()
    submission = Submission.objects.create(
        id=uuid4(), account=account, version=Template.objects.get(key="win-back").live, created_at=NOW, wire_at=NOW
    )
    Attempt.objects.create(message=message, n=1, submission=submission, address=b"a" * 32)

    refuses("an outcome is written once", "UPDATE connectors_attempt SET outcome = 'accepted', n = 2")


def test_a_call_never_holds_an_address_twice(message):
    account = an_account()
    other = a_message(a_member("13900000002"), "2")
    submission = Submission.objects.create(
        id=uuid4(), account=account, version=Template.objects.get(key="win-back").live, created_at=NOW, wire_at=NOW
    )
    Attempt.objects.create(message=message, n=1, submission=submission, address=b"a" * 32)

    refuses(
        "a_call_never_holds_an_address_twice",
        "INSERT INTO connectors_attempt (message_id, n, submission_id, address, blind_key, outcome, code) VALUES (%s, 1, %s, %s, 'field:k1', '', '')",
        other.pk,
        submission.pk,
        b"a" * 32,
    )


def test_no_real_account_is_enabled_while_the_clock_is_in_replay():
    an_account()
    clock.stand(NOW, by="test")

    refuses("only sandbox accounts", "UPDATE connectors_provideraccount SET sandbox = false")
    assert ProviderAccount.objects.update(sandbox=False, enabled=False) == 1


def test_the_clock_does_not_stand_while_a_real_account_is_enabled():
    an_account()
    ProviderAccount.objects.update(sandbox=False)

    with pytest.raises(clock.ClockRefused):
        clock.stand(NOW, by="test")


def test_a_wish_is_a_message_once(message):
    a_message(message.member_id)

    assert Message.objects.count() == 1
