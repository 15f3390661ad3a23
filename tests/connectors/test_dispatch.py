"""Claim, call, settle, against the counterpart over HTTP."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from cdp import identity, resolving
from cdp.models import Event
from config.ground.models import Alarm
from connectors import accounts, dispatch
from connectors.claim import claim
from connectors.models import Attempt, Message, ProviderAccount, Submission, Template
from tests.connectors.builders import (
    FAST,
    NOW,
    a_member,
    a_message,
    a_template,
    many,
    run,
    say,
    settle_all,
    states,
)
from tests.racing import somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def send(now=NOW) -> int:
    return dispatch.send_due(limit=1000, now=now)


def test_a_message_goes_out_as_the_provider_wants_it(account, sandbox):
    message = a_message(a_member("+86 139 0000 0001", name="张三"))

    assert send() == 1

    message.refresh_from_db()
    (row,) = sandbox.accepted()
    assert (row["phone"], row["sign"], row["template"]) == ("13900000001", "回头超市", "SMS_270000001")
    assert row["params"] == {"name": "张三"}
    assert row["out_id"] == message.token.hex
    assert (message.state, message.reason, message.sent_at) == ("sent", "", NOW)
    assert (message.provider_id, message.units, message.cost) == (row["biz_id"], 1, 5)
    assert list(Attempt.objects.values_list("n", "outcome", "code")) == [(1, "accepted", "OK")]
    assert list(Event.objects.values_list("type", "member_id", "occurred_at")) == [
        ("message.sent", message.member_id, NOW)
    ]


def test_a_second_tick_sends_nothing(account, sandbox):
    many(3)
    send()

    assert send() == 0

    assert sandbox.state()["calls"] == 1
    assert len(sandbox.accepted()) == 3


def test_a_call_carries_a_hundred_and_no_more(account, sandbox):
    many(250)

    assert send() == 250

    assert sandbox.state()["calls"] == 3
    assert states() == {"sent": 250}
    assert len(set(sandbox.phones())) == 250


def test_two_messages_of_one_member_travel_in_two_calls(account, sandbox):
    member = a_member()
    a_message(member, "1")
    a_message(member, "2")

    assert send() == 2

    assert Submission.objects.count() == 2
    assert sandbox.phones() == ["13900000001"] * 2


def test_two_processes_never_send_the_same(account, sandbox):
    many(300)
    ProviderAccount.objects.update(settings=FAST | {"timeout": 30, "lease": 90})  # however busy the machine is
    code = """
from connectors import dispatch
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_advisory_lock_shared(300)")
dispatch.send_due(limit=300, now=NOW)"""

    ends = []
    threads = [threading.Thread(target=lambda: ends.append(run(code))) for _ in range(2)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(300)")
        for thread in threads:
            thread.start()
        somebody_waits(2)  # both stand at the line
        cursor.execute("SELECT pg_advisory_unlock(300)")
    for thread in threads:
        thread.join()

    assert ends == [0, 0]
    assert states() == {"sent": 300}
    assert len(sandbox.phones()) == len(set(sandbox.phones())) == 300


def test_what_one_claim_holds_another_does_not_see(account):
    many(5)
    first = claim(account.key, limit=3, now=NOW)
    second = claim(account.key, limit=3, now=NOW)

    held = [{r.key for r in claimed.call.to} for claimed in (first, second)]
    assert [len(ids) for ids in held] == [3, 2]
    assert held[0] & held[1] == set()


def test_what_an_open_claim_locks_is_passed_over(account):
    many(5)
    claimed, finish, held, in_time = threading.Event(), threading.Event(), [], []

    def slow_sender():
        with transaction.atomic():
            held.append(claim(account.key, limit=3, now=NOW))
            claimed.set()
            in_time.append(finish.wait(5))
        connection.close()

    thread = threading.Thread(target=slow_sender)
    thread.start()
    claimed.wait(10)
    try:
        held.append(claim(account.key, limit=5, now=NOW))
    finally:
        finish.set()
        thread.join()

    first, second = ({r.key for r in one.call.to} for one in held)
    assert (len(first), len(second), first & second) == (3, 2, set())
    assert in_time == [True]  # nobody waited for it


@pytest.mark.parametrize(
    ("number", "consent", "more", "state", "reason"),
    [
        ("13900000001", "withdrawn", {}, "suppressed", "no_consent"),
        ("13900000001", None, {}, "suppressed", "no_consent"),
        ("+12025550123", "granted", {}, "suppressed", "invalid_address"),
        ("13900000001", "granted", {"not_after": NOW}, "expired", "not_after"),
        ("13900000001", "granted", {"data": {"name": "名" * 36}}, "suppressed", "value_too_long"),
        ("13900000001", "granted", {"data": {"name": "http://a.b"}}, "suppressed", "value_refused"),
        ("13900000001", "granted", {"data": {"name": "【银行】"}}, "suppressed", "value_refused"),
    ],
)
def test_who_may_not_be_written_to_is_suppressed_with_the_reason(
    account, sandbox, number, consent, more, state, reason
):
    message = a_message(a_member(number, consent=consent), **more)

    assert send() == 1

    message.refresh_from_db()
    assert (message.state, message.reason, message.cost) == (state, reason, 0)
    assert sandbox.state()["calls"] == 0


def test_consent_withdrawn_after_the_wish_counts(account, sandbox):
    stays, leaves = a_member(), a_member("13900000003")
    a_message(stays, "1")
    message = a_message(leaves, "2")
    say(leaves, "withdrawn", at=NOW)

    send()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("suppressed", "no_consent")
    assert sandbox.phones() == ["13900000001"]


def test_a_missing_value_suppresses_one_and_not_its_company(account, sandbox):
    a_template("greeting", variables={"name": {}})
    a_message(a_member(), "1", template="greeting", data={"name": "张三"})
    message = a_message(a_member("13900000003"), "2", template="greeting")

    send()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("suppressed", "missing_var")
    assert sandbox.phones() == ["13900000001"]


@pytest.mark.parametrize(
    ("local_hour", "waits_until_hour"),
    [(8, 9), (9, None), (19, None), (20, 24 + 9), (23, 24 + 9)],
)
def test_marketing_waits_for_the_end_of_the_quiet_hours(account, sandbox, local_hour, waits_until_hour):
    midnight = NOW - timedelta(hours=12)
    now = midnight + timedelta(hours=local_hour)
    message = a_message(a_member())
    Message.objects.update(ready_at=now)

    send(now)

    message.refresh_from_db()
    if waits_until_hour is None:
        assert message.state == "sent"
    else:
        assert (message.state, message.ready_at) == ("ready", midnight + timedelta(hours=waits_until_hour))
        assert sandbox.state()["calls"] == 0
        assert send(message.ready_at) == 1


def test_a_service_notice_goes_in_quiet_hours_and_without_marketing_consent(account, sandbox):
    night = NOW + timedelta(hours=10)
    a_template("notice", text="${name}，您的订单已发货。", purpose="service")
    a_message(a_member(consent=None), template="notice", purpose="service")

    assert send(night) == 1

    assert states() == {"sent": 1}


def test_made_up_people_are_not_written_to_by_a_real_account(account, sandbox):
    from config.ground import clock

    clock.release(by="test", now=NOW)
    message = a_message(a_member())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cdp_member SET synthetic = true")
    ProviderAccount.objects.update(sandbox=False)

    send()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("suppressed", "synthetic_member")
    assert sandbox.state()["calls"] == 0


def test_a_stopped_account_sends_nothing_until_it_is_started(account, sandbox):
    many(2)
    accounts.stop(account.key, reason="budget", by="li", now=NOW)

    assert send() == 0
    assert states() == {"ready": 2}

    accounts.start(account.key, by="li", now=NOW)
    assert send() == 2


def test_no_channel_left_ends_it_else_the_next_one_is_taken(account, sandbox):
    a_template(channel="wechat")
    message = a_message(a_member("+12025550123"), channels=("sms", "wechat"))

    send()

    message.refresh_from_db()
    assert (message.state, message.channel, message.template.channel) == ("ready", "wechat", "wechat")


def test_no_money_stops_the_account_and_rings(account, sandbox):
    many(2)
    sandbox.fault("code", code="isv.AMOUNT_NOT_ENOUGH")

    send()

    account.refresh_from_db()
    assert (account.enabled, account.stopped_for) == (False, "isv.AMOUNT_NOT_ENOUGH")
    assert Alarm.objects.get().subject == f"account:{account.key}"
    assert states() == {"ready": 2}
    accounts.start(account.key, by="li", now=NOW)
    settle_all()
    assert len(sandbox.phones()) == 2


def test_a_wrong_secret_stops_the_account(account, sandbox):
    account.keep(account.open() | {"key_secret": "guessed"})
    account.save()
    many(1)

    send()

    account.refresh_from_db()
    assert (account.enabled, account.stopped_for) == (False, "SignatureDoesNotMatch")
    assert sandbox.accepted() == []


def test_a_refused_template_is_stopped_and_the_others_go_on(account, sandbox):
    a_template("bad", provider_code="bad")
    a_message(a_member(), "1", template="bad")
    a_message(a_member("13900000003"), "2")

    send()

    assert Template.objects.get(key="bad").stopped_for == "isv.SMS_TEMPLATE_ILLEGAL"
    assert sandbox.phones() == ["13900000003"]
    assert Message.objects.get(template__key="bad").state == "ready"


def test_one_refused_number_is_found_by_halving_and_the_rest_goes(account, sandbox):
    many(7)
    with transaction.atomic():  # eleven digits, but no mobile number; it passed for one once
        [stored] = resolving.resolve([[identity.Key("phone", "", "+8612000000001")]], now=NOW).members
    say(stored, "granted")
    poison = a_message(stored, "poison")

    settle_all()

    poison.refresh_from_db()
    assert (poison.state, poison.reason) == ("failed", "invalid_address")
    assert len(sandbox.phones()) == len(set(sandbox.phones())) == 7
    assert sorted(Event.objects.values_list("type", flat=True)) == ["message.failed"] + ["message.sent"] * 7
    again = a_message(poison.member_id, "again")
    send()
    again.refresh_from_db()
    assert (again.state, again.reason) == ("suppressed", "blocked_address")
