"""Whatever goes wrong on the wire: the counterpart has taken each message exactly once, as its own log counts."""

from __future__ import annotations

import socket

import pytest
from django.db import connection

from cdp import identity, resolving
from connectors import crash, dispatch, outbox, unknown
from connectors.models import Attempt, Message, ProviderAccount, Submission
from connectors.reconcile import faults
from connectors.sandbox.faults import AFTER, BEFORE
from tests.connectors.builders import FAST, NOW, a_member, a_message, many, run, settle_all, states

pytestmark = pytest.mark.django_db(transaction=True)


def one_each(sandbox, count: int) -> None:
    assert states() == {"sent": count}
    assert len(sandbox.phones()) == len(set(sandbox.phones())) == count
    assert faults(now=NOW) == []


@pytest.mark.parametrize("mode", sorted((BEFORE - {"code"}) | AFTER))
def test_a_bad_answer_never_loses_and_never_doubles(account, sandbox, mode):
    many(3)
    sandbox.fault(mode)

    settle_all()

    one_each(sandbox, 3)


@pytest.mark.parametrize(
    ("mode", "state", "calls"),
    [("hang", "unknown", 1), ("reset_after", "unknown", 1), ("error_after", "unknown", 1), ("redirect", "unknown", 1),
     ("error_before", "unknown", 1), ("throttle", "ready", 1)],
)  # fmt: skip
def test_a_lost_answer_is_unknown_and_not_called_again(account, sandbox, mode, state, calls):
    a_message(a_member())
    sandbox.fault(mode)

    dispatch.send_due(limit=10, now=NOW)
    dispatch.send_due(limit=10, now=NOW)

    assert states() == {state: 1}
    assert sandbox.state()["calls"] == calls


def test_nobody_there_means_surely_not_taken(account, sandbox):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ProviderAccount.objects.update(base_url=f"http://127.0.0.1:{port}")
    message = a_message(a_member())

    dispatch.send_due(limit=10, now=NOW)

    message.refresh_from_db()
    assert (message.state, message.tries, message.retry_at is None) == ("ready", 1, False)
    assert Attempt.objects.get().outcome == "retry"
    ProviderAccount.objects.update(base_url=sandbox.url)
    settle_all()
    one_each(sandbox, 1)


def test_a_broken_answer_is_asked_for_and_found(account, sandbox):
    message = a_message(a_member())
    sandbox.fault("error_after")

    settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason, message.cost) == ("sent", "asked", 5)
    assert sandbox.state()["calls"] == 1


def test_what_the_provider_does_not_know_is_sent_again_once_and_then_unknown_for_good(account, sandbox):
    message = a_message(a_member())
    sandbox.fault("error_before", times=2)

    settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason, message.resent) == ("unknown_final", "not_found", True)
    assert sandbox.state()["calls"] == 2
    assert sandbox.accepted() == []


def test_an_unknown_one_is_asked_by_the_number_that_was_tried(account, sandbox):
    member = a_member("13900000001")
    message = a_message(member)
    sandbox.fault("error_after")
    dispatch.send_due(limit=10, now=NOW)
    resolving.resolve([[identity.parse("phone:13900000001"), identity.parse("phone:13900000777")]], now=NOW)

    settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("sent", "asked")


def test_three_answers_of_not_found_and_no_fewer_make_it_ready(account, sandbox):
    message = a_message(a_member())
    sandbox.fault("error_before")
    dispatch.send_due(limit=10, now=NOW)

    for asked, state in ((1, "unknown"), (2, "unknown"), (0, "ready")):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE connectors_message SET ask_at = clock_timestamp()")
        assert unknown.settle(now=NOW) == 1
        message.refresh_from_db()
        assert (message.asked, message.state, message.resent) == (asked, state, state == "ready")


@pytest.mark.parametrize(
    ("ending", "reason"), [("0429", ""), ("0500", "asked"), ("0504", "asked"), ("0601", ""), ("0001", "")]
)
def test_the_last_digits_ask_for_each_case(account, sandbox, ending, reason):
    message = a_message(a_member(f"1390000{ending}"))

    settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("sent", reason)
    one_each(sandbox, 1)


@pytest.mark.parametrize("label", [p for p in crash.POINTS if p.startswith(("claim", "call", "settle"))])
def test_a_sender_that_is_killed_loses_nothing_and_doubles_nothing(account, sandbox, label):
    many(5)

    assert run("from connectors import dispatch; dispatch.send_due(limit=5, now=NOW)", crash_at=label) == 137

    assert len(sandbox.phones()) == len(set(sandbox.phones()))
    settle_all()
    one_each(sandbox, 5)


def test_an_asker_that_is_killed_loses_nothing_and_doubles_nothing(account, sandbox):
    a_message(a_member())
    sandbox.fault("error_after")
    dispatch.send_due(limit=5, now=NOW)
    code = "import time; time.sleep(0.5)\nfrom connectors import unknown; unknown.settle(now=NOW)"

    assert run(code, crash_at="ask.after") == 137

    assert states() == {"unknown": 1}
    with connection.cursor() as cursor:  # as if a minute had passed
        cursor.execute("UPDATE connectors_message SET ask_at = clock_timestamp()")
    settle_all()
    one_each(sandbox, 1)


def test_a_sender_that_slept_through_its_lease_neither_calls_nor_writes_over_another(account, sandbox):
    from connectors.claim import claim
    from connectors.provider import Outcome, Result
    from connectors.settle import settle

    message = a_message(a_member())
    ProviderAccount.objects.update(settings=FAST | {"lease": 0.9})
    call = claim(account.key, limit=10, now=NOW).call
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    assert dispatch._send(call) == [Result(message.pk, Outcome.RETRY, "too_late")]

    dispatch.lapse()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE connectors_message SET state = 'ready', token = NULL, ask_at = NULL")
    second = claim(account.key, limit=10, now=NOW).call
    for outcome in (Outcome.RETRY, Outcome.ACCEPTED):
        settle(call, [Result(message.pk, outcome, "late", "late")], now=NOW)

    message.refresh_from_db()
    assert (message.state, message.token) == ("inflight", second.submission)
    assert sandbox.state()["calls"] == 0


@pytest.mark.parametrize("meanwhile", ["unknown", "ready", "expired"])
def test_an_acceptance_that_comes_late_still_counts(account, sandbox, meanwhile):
    from connectors.claim import claim
    from connectors.settle import settle

    message = a_message(a_member())
    call = claim(account.key, limit=10, now=NOW).call
    results = dispatch._send(call)
    with connection.cursor() as cursor:
        token = "token" if meanwhile == "unknown" else "NULL"
        cursor.execute(
            f"UPDATE connectors_message SET state = %s, reason = 'x', ask_at = now(), token = {token}", [meanwhile]
        )

    settle(call, results, now=NOW)

    settle_all()
    one_each(sandbox, 1)
    assert sandbox.state()["calls"] == 1
    message.refresh_from_db()
    assert message.reason == ""


def test_the_counterpart_killed_in_between_remembers_what_it_took(account, sandbox):
    many(3)
    dispatch.send_due(limit=2, now=NOW)
    sandbox.kill()
    dispatch.send_due(limit=10, now=NOW)

    sandbox.start()

    assert sandbox.state()["accepted"] == 2
    settle_all()
    one_each(sandbox, 3)


def test_every_tick_twice_is_once(account, sandbox):
    from connectors import tasks

    many(4)
    sandbox.fault("error_after")
    for _ in range(2):
        tasks.send_due()
    settle_all()
    for tick in (tasks.send_due, tasks.settle_unknown):
        tick()
        tick()

    one_each(sandbox, 4)
    assert Submission.objects.count() == 1
    assert unknown.settle(now=NOW) == 0
    assert outbox.unsettled(now=NOW) == 0
    assert set(Message.objects.values_list("tries", flat=True)) == {1}
