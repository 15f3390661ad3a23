"""The counterpart is as strict as the real one. It is spoken to with our signature, which the published vector holds."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from connectors import acs3, http
from connectors.providers.aliyun_sms import FORM, VERSION


def call(sandbox, action="SendBatchSms", *, nonce="", date=None, tamper=b"", **form):
    body = acs3.encode(form).encode()
    headers = acs3.sign(
        "sandbox",
        "sandbox-secret",
        url=sandbox.url,
        action=action,
        version=VERSION,
        nonce=nonce or uuid4().hex,
        date=(date or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        body=body,
        content_type=FORM,
    )
    answer = http.post(sandbox.url, headers=headers, body=body + tamper, timeout=5)
    return answer.status, json.loads(answer.body)["Code"]


def batch(phones=("13900000001",), params=None, signs=None, **more):
    return {
        "PhoneNumberJson": json.dumps(phones),
        "SignNameJson": json.dumps(signs or ["某品牌"] * len(phones)),
        "TemplateParamJson": json.dumps(params or [{"name": "张三"}] * len(phones), ensure_ascii=False),
        "TemplateCode": "SMS_270000001",
        "OutId": "1",
    } | more


def test_it_takes_what_is_right(sandbox):
    assert call(sandbox, **batch()) == (200, "OK")
    assert sandbox.phones() == ["13900000001"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (batch([str(13900000000 + i) for i in range(101)]), "isv.MOBILE_COUNT_OVER_LIMIT"),
        (batch(["12345"]), "isv.MOBILE_NUMBER_ILLEGAL"),
        (batch(["13900000001"] * 2), "isv.INVALID_PARAMETERS"),
        (batch(signs=["某品牌"] * 2), "isv.INVALID_PARAMETERS"),
        (batch(params=[{"name": "字" * 36}]), "isv.PARAM_LENGTH_LIMIT"),
        (batch(params=[{"name": ""}]), "isv.PARAM_LENGTH_LIMIT"),
        (batch(params=[{"name": 7}]), "isv.TEMPLATE_PARAMS_ILLEGAL"),
        (batch(params=[{"name": "https://a.b"}]), "isv.PARAM_NOT_SUPPORT_URL"),
        (batch(TemplateCode="win-back"), "isv.SMS_TEMPLATE_ILLEGAL"),
        (batch(signs=["x"]), "isv.SMS_SIGNATURE_ILLEGAL"),
        (batch(PhoneNumberJson="[1"), "isv.INVALID_JSON_PARAM"),
    ],
)
def test_business_errors_come_with_200_and_take_nothing(sandbox, form, code):
    assert call(sandbox, **form) == (200, code)
    assert sandbox.accepted() == []


def test_a_changed_body_does_not_match_its_signature(sandbox):
    assert call(sandbox, tamper=b"&x=1", **batch()) == (400, "SignatureDoesNotMatch")


def test_a_nonce_is_good_once(sandbox):
    assert call(sandbox, nonce="n1", **batch()) == (200, "OK")
    assert call(sandbox, nonce="n1", **batch()) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_wrong_is_refused(sandbox, minutes):
    late = datetime.now(UTC) + timedelta(minutes=minutes)

    assert call(sandbox, date=late, **batch()) == (400, "InvalidTimeStamp.Expired")


def test_what_was_told_is_not_told_again_after_a_restart(sandbox):
    call(sandbox, **batch(["13900000001", "13900000602"]))
    sandbox.control("callback", url="")
    assert sandbox.barrier()["waiting"] == 2

    sandbox.kill()
    sandbox.start()

    state = sandbox.state()
    assert (state["accepted"], state["barrier"], state["waiting"]) == (2, 1, 2)


def test_a_stop_that_is_interrupted_has_one_barrier(sandbox):
    """Else what is told two barriers late would come a stop early."""
    assert sandbox.barrier(stop="Monday")["barrier"] == 1
    assert sandbox.barrier(stop="Monday")["barrier"] == 1
    sandbox.kill()
    sandbox.start()

    assert sandbox.barrier(stop="Monday")["barrier"] == 1
    assert sandbox.barrier(stop="Tuesday")["barrier"] == 2


def test_a_torn_line_is_as_if_it_had_never_been(sandbox):
    call(sandbox, **batch())
    sandbox.kill()
    with sandbox.log.open("a") as log:
        log.write('{"out_id": "2", "pho')
    sandbox.start()

    assert sandbox.state()["accepted"] == 1
    assert call(sandbox, **batch(["13900000002"])) == (200, "OK")
    sandbox.kill()
    sandbox.start()
    assert sandbox.state()["accepted"] == 2


def test_many_connections_at_once_are_served(sandbox):
    from concurrent.futures import ThreadPoolExecutor

    started = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda i: call(sandbox, **batch([str(13900000000 + i)])), range(128)))

    assert set(answers) == {(200, "OK")}
    assert len(sandbox.accepted()) == 128
    assert time.monotonic() - started < 20
