"""Receipts over HTTP, and in every order."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest

from cdp.models import Consent, ConsentRecord, Event
from config.ground import clock
from connectors import accounts, dispatch, receipts
from connectors.models import BlockedAddress, ProviderAccount, Receipt
from connectors.reconcile import faults
from tests.connectors.builders import NOW, a_member, a_message, hear, outcome, report, run, send, settle_all, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_case_of_the_counterpart_ends_as_it_should(heard, sandbox):
    fine, empty, twice, early, late = send("0001", "0410", "0600", "0601", "0602")
    assert outcome(early) == ("sent", "delivered")
    assert outcome(fine) == ("sent", "none")

    first = sandbox.barrier()

    assert {k: first[k] for k in ("reports", "replies", "failed", "waiting")} == {
        "reports": 4, "replies": 0, "failed": 0, "waiting": 1,
    }  # fmt: skip
    assert [outcome(m)[1] for m in (fine, empty, twice, late)] == ["delivered", "undelivered", "delivered", "none"]

    second = sandbox.barrier()

    assert (second["reports"], second["waiting"]) == (1, 0)
    assert outcome(late) == ("sent", "delivered")
    assert Receipt.objects.count() == 5
    fine.refresh_from_db()
    assert fine.delivered_at == NOW  # the sandbox's real time is not the brand's
    assert sorted(Event.objects.values_list("type", flat=True)) == sorted(
        ["message.sent"] * 5 + ["message.delivered"] * 4 + ["message.undelivered"]
    )
    assert faults(now=NOW) == []


def test_a_reply_r_opts_out_and_nothing_goes_there_any_more(heard, sandbox):
    (message,) = send("0002")
    waiting = a_message(message.member_id, "next")

    assert sandbox.barrier()["replies"] == 1

    assert outcome(message) == ("sent", "replied")
    assert Consent.objects.get(member=message.member_id).state == "withdrawn"
    assert ConsentRecord.objects.filter(state="withdrawn").count() == 1
    dispatch.send_due(limit=10, now=NOW)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("suppressed", "no_consent")
    assert len(sandbox.accepted()) == 1
    told = Event.objects.exclude(type__in=["message.sent", "message.delivered"]).values_list("type", "properties")
    assert sorted(type for type, _said in told) == ["consent.withdrawn", "message.replied"]
    assert dict(told)["consent.withdrawn"] == {"channel": "sms", "purpose": "marketing"}
    assert sandbox.barrier()["replies"] == 0


def test_an_empty_number_is_not_tried_again(heard, sandbox):
    (message,) = send("0410")
    sandbox.barrier()

    again = a_message(message.member_id, "again")
    dispatch.send_due(limit=10, now=NOW)

    again.refresh_from_db()
    assert (again.state, again.reason) == ("suppressed", "blocked_address")
    assert BlockedAddress.objects.get().reason == "dead_address"


def test_a_number_on_the_opt_out_list_is_blocked_and_its_consent_withdrawn(heard, sandbox):
    (message,) = send("0403")
    sandbox.barrier()

    assert BlockedAddress.objects.get().reason == "opted_out"
    assert Consent.objects.get(member=message.member_id).state == "withdrawn"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_and_any_number_of_times_gives_the_same_end(account, order):
    (message,) = send("0001")
    message.refresh_from_db()
    reply = {
        "phone_number": "13900000001", "content": "谢谢", "send_time": "2026-03-01 10:05:00",
        "dest_code": "1", "sequence_id": 7,
    }  # fmt: skip
    told = [report(message), report(message, "MK:0099"), reply]

    for i in [*order, *reversed(order), *order]:
        hear(account, told[i])

    assert outcome(message) == ("sent", "replied")
    assert Receipt.objects.count() == 3
    assert Consent.objects.get().state == "granted"
    assert message.delivered_at is not None
    assert sorted(Event.objects.values_list("type", flat=True)) == [
        "message.delivered", "message.replied", "message.sent", "message.undelivered",
    ]  # fmt: skip


def test_delivered_wins_over_what_is_said_after_it(account):
    (message,) = send("0001")
    message.refresh_from_db()

    hear(account, report(message))
    hear(account, report(message, "MK:0099"))

    assert outcome(message) == ("sent", "delivered")


def test_a_receipt_before_the_answer_proves_it_sent(account, sandbox):
    message = a_message(a_member())
    sandbox.fault("hang")
    dispatch.send_due(limit=10, now=NOW)
    assert outcome(message) == ("unknown", "none")

    hear(account, report(message, biz_id="b1"))

    assert outcome(message) == ("sent", "delivered")
    assert (message.reason, message.provider_id, message.cost) == ("receipt", "b1", 5)
    settle_all()
    assert sandbox.state()["calls"] == 1
    assert faults(now=NOW) == []


def test_a_receipt_long_after_corrects_what_was_unknown_for_good(account, sandbox):
    message = a_message(a_member())
    sandbox.fault("error_before", times=2)
    settle_all()
    assert outcome(message) == ("unknown_final", "none")
    submission = message.attempts.get(n=2).submission

    hear(account, report(message, biz_id="b2", out_id=submission.id.hex))

    assert outcome(message) == ("sent", "delivered")
    assert faults(now=NOW) == []


def test_a_receipt_without_our_key_waits_for_the_answer_that_names_it(account):
    from connectors.claim import claim
    from connectors.provider import Outcome, Result
    from connectors.settle import settle

    message = a_message(a_member())
    call = claim(account.key, limit=10, now=NOW).call
    message.refresh_from_db()
    hear(account, report(message, biz_id="b3", out_id=""))
    assert Receipt.objects.get().message_id is None

    settle(call, [Result(message.pk, Outcome.ACCEPTED, "OK", "b3")], now=NOW)

    assert outcome(message) == ("sent", "delivered")


@pytest.mark.parametrize(
    "change",
    [{"phone_number": "13900000009"}, {"biz_id": "another"}, {"out_id": "0" * 32}],
    ids=lambda c: next(iter(c)),
)
def test_a_receipt_that_does_not_fit_is_kept_and_changes_nothing(account, change):
    (message,) = send("0001")
    message.refresh_from_db()

    assert hear(account, report(message, **change)) == 1

    assert outcome(message) == ("sent", "none")
    assert Receipt.objects.get().message_id is None


def test_a_real_account_keeps_the_instant_that_the_provider_says(account):
    (message,) = send("0001")
    clock.release(by="test", now=NOW)
    ProviderAccount.objects.update(sandbox=False)
    message.refresh_from_db()

    hear(ProviderAccount.objects.get(), report(message))

    message.refresh_from_db()
    assert message.delivered_at == datetime(2026, 3, 1, 2, 0, 4, tzinfo=UTC)


def test_a_listener_that_is_killed_is_told_again(account):
    (message,) = send("0001")
    message.refresh_from_db()
    body = json.dumps([report(message)])
    code = f"""
from connectors import receipts; from connectors.provider import PROVIDERS
told, _ = PROVIDERS.get("aliyun_sms").callback({body!r}.encode())
receipts.record(ProviderAccount.objects.get(), told, now=NOW)"""

    assert run(code, crash_at="receipt.before_commit") == 137
    assert Receipt.objects.count() == 0
    assert run(code) == 0

    assert outcome(message) == ("sent", "delivered")


@pytest.mark.parametrize("text", ["R", "r", " R ", "Ｒ", "td", "退订", "stop", "0000"])
def test_the_words_that_opt_out(text):
    assert receipts.opts_out(text)


@pytest.mark.parametrize("text", ["please don't stop", "R!", "不要退订", "", "谢谢"])
def test_the_words_that_do_not(text):
    assert not receipts.opts_out(text)


def test_a_reply_from_a_number_that_nobody_has_is_kept(account):
    row = {"phone_number": "13911112222", "content": "R", "send_time": "2026-03-01 10:05:00", "sequence_id": "9"}

    assert hear(account, row) == 1

    assert (Receipt.objects.get().member_id, Receipt.objects.get().opts_out) == (None, True)
    assert states() == {}
    assert accounts.stop(account.key, reason="", by="li", now=NOW)
