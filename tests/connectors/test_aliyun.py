"""The provider file by itself: what it signs, how it reads answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from connectors import acs3
from connectors.errors import CallbackRefused
from connectors.provider import PROVIDERS, Account, Content, Outcome, Recipient
from tests.connectors.builders import NOW

ALIYUN = PROVIDERS.get("aliyun_sms")
CONTENT = Content("回头超市", "SMS_270000001")


def wire(sandbox, **secrets) -> Account:
    return Account("a", sandbox.url, 0.5, {"key_id": "sandbox", "key_secret": "sandbox-secret"} | secrets)


def people(count: int, first: int = 13900000001) -> list[Recipient]:
    return [Recipient(uuid4(), str(first + i), {"name": "张三"}) for i in range(count)]


def test_the_signature_is_the_published_one():
    headers = acs3.sign(
        "YourAccessKeyId",
        "YourAccessKeySecret",
        url="https://ecs.cn-shanghai.aliyuncs.com/",
        action="RunInstances",
        version="2014-05-26",
        nonce="3156853299f313e23d1673dc12e1703d",
        date="2023-10-26T10:22:32Z",
        query={"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"},
    )

    assert headers["authorization"].endswith(
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_one_result_for_each_message(sandbox):
    to = people(3)

    results = ALIYUN.send(wire(sandbox), CONTENT, to, key="ab" * 16)

    assert [r.key for r in results] == [r.key for r in to]
    assert {(r.outcome, r.code) for r in results} == {(Outcome.ACCEPTED, "OK")}
    assert {r.provider_id for r in results} == {sandbox.accepted()[0]["biz_id"]}
    assert [row["out_id"] for row in sandbox.accepted()] == ["ab" * 16] * 3


def test_more_than_a_hundred_never_leave_the_house(sandbox):
    with pytest.raises(AssertionError):
        ALIYUN.send(wire(sandbox), CONTENT, people(101), key="k")

    assert sandbox.state()["calls"] == 0


def test_a_number_never_stands_twice_in_a_call(sandbox):
    with pytest.raises(AssertionError):
        ALIYUN.send(wire(sandbox), CONTENT, people(1) + people(1), key="k")


@pytest.mark.parametrize(
    ("secrets", "code"),
    [({"key_secret": "x"}, "SignatureDoesNotMatch"), ({"key_id": "x"}, "InvalidAccessKeyId.NotFound")],
)
def test_wrong_credentials_are_the_accounts_fault(sandbox, secrets, code):
    (result,) = ALIYUN.send(wire(sandbox, **secrets), CONTENT, people(1), key="k")

    assert (result.outcome, result.code) == (Outcome.CONFIG, code)


def test_nobody_there_is_surely_not_taken(sandbox):
    sandbox.kill()

    assert [r.outcome for r in ALIYUN.send(wire(sandbox), CONTENT, people(2), key="k")] == [Outcome.RETRY] * 2
    sandbox.start()


def test_a_throttled_call_says_how_long_to_wait(sandbox):
    sandbox.fault("throttle")

    (result,) = ALIYUN.send(wire(sandbox), CONTENT, people(1), key="k")

    assert (result.outcome, result.retry_after) == (Outcome.THROTTLED, 1)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("OK", Outcome.ACCEPTED),
        ("isv.BUSINESS_LIMIT_CONTROL", Outcome.FREQ_CAP),
        ("isv.MOBILE_NUMBER_ILLEGAL", Outcome.INVALID),
        ("isv.PARAM_LENGTH_LIMIT", Outcome.CONTENT),
        ("isv.SMS_SIGNATURE_ILLEGAL", Outcome.TEMPLATE),
        ("isv.AMOUNT_NOT_ENOUGH", Outcome.CONFIG),
        ("Throttling.User", Outcome.THROTTLED),
        ("InvalidAccessKeyId.Inactive", Outcome.CONFIG),
        ("isp.SYSTEM_ERROR", Outcome.UNKNOWN),
        ("isv.SOMETHING_NEW", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
    ],
)
def test_the_longest_known_prefix_of_a_code_decides(code, outcome):
    assert ALIYUN.outcome(code) is outcome


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [("+8613900000001", "13900000001"), ("+12025550123", None), ("+862161234567", None), ("13900000001", None)],
)
def test_only_mainland_mobiles_go_on_the_wire(address, on_the_wire):
    assert ALIYUN.wire_address(address) == on_the_wire


@pytest.mark.parametrize(("length", "segments"), [(64, 1), (65, 2), (128, 2), (129, 3)])
def test_segments_count_the_signature_with_its_brackets(length, segments):
    assert ALIYUN.units("回头超市", "字" * length) == segments


def test_a_report_is_read():
    body = json.dumps(
        [
            {
                "phone_number": "13900000001",
                "send_time": "2026-03-01 10:00:00",
                "report_time": "2026-03-01 10:00:04",
                "success": False,
                "err_code": "MK:0001",
                "err_msg": "空号",
                "sms_size": "1",
                "biz_id": "900619746936498440^0",
                "out_id": "5f0c" * 8,
            }
        ]
    ).encode()

    ((heard,), answer) = ALIYUN.callback(body)

    assert (heard.kind, heard.address, heard.code) == ("undelivered", "+8613900000001", "MK:0001")
    assert heard.at == datetime(2026, 3, 1, 2, 0, 4, tzinfo=UTC)
    assert (heard.submission, heard.provider_id, heard.dead) == ("5f0c" * 8, "900619746936498440^0", True)
    assert answer["code"] == 0


@pytest.mark.parametrize(
    "shape", [{"sequence_id": "77"}, {"sequence_id": 77, "sign_name": "某品牌"}], ids=["new", "old"]
)
def test_both_shapes_of_a_reply_are_the_same_reply(shape):
    row = {"phone_number": "13900000001", "content": "R", "send_time": "2026-03-01 10:05:00", "dest_code": "1"} | shape

    ((heard,), _answer) = ALIYUN.callback(json.dumps([row]).encode())

    assert (heard.kind, heard.text, heard.dedupe) == ("reply", "R", "reply 77")


def test_secrets_and_numbers_are_in_no_repr(sandbox):
    (to,) = people(1)
    said = repr([wire(sandbox), to])

    assert "sandbox-secret" not in said
    assert to.address not in said
    with pytest.raises(CallbackRefused) as refusal:
        ALIYUN.callback(b'[{"phone_number": "13900000001"}]')
    assert "139" not in str(refusal.value)


def test_a_day_is_the_providers_day():
    assert ALIYUN.calendar_day(NOW.replace(hour=15, minute=59)).day == 1
    assert ALIYUN.calendar_day(NOW.replace(hour=16)).day == 2
