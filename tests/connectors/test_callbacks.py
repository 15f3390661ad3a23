"""The door where providers call: who may, and what makes no sense; and a counterpart that calls on its own."""

from __future__ import annotations

import io
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog

from cdp.models import Event
from config.ground import clock
from connectors import accounts
from connectors.models import Receipt
from tests.connectors.builders import NOW, Sandbox, an_account, outcome, post, report, send

UP = {"phone_number": "13900000001", "content": "R", "send_time": "2026-03-01 10:05:00", "sequence_id": "9"}
BAD = [
    json.dumps([UP | change]).encode()
    for change in (
        {"content": "\0"},
        {"content": "\ud800"},
        {"content": "x" * 3000},
        {"sequence_id": "9" * 500},
        {"send_time": "0001-01-01 00:00:00"},
        {"send_time": "yesterday"},
        {"phone_number": "\0"},
    )
]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lines():
    """What our own log would hold."""
    (ours,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(ours.formatter)
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def test_the_address_of_the_callback_is_a_secret(heard, account, lines):
    good = json.dumps([]).encode()
    wrong = heard.rpartition("/")[0] + "/guessed"

    answers = [post(url, body) for url, body in ((heard, good), (wrong, good), (heard, b"{}"), (heard, b"[1]"))]

    assert answers == [200, 404, 400, 400]
    logged = lines.getvalue()
    assert "/callbacks/aliyun_sms/aliyun-sandbox/" in logged
    assert account.open()["callback"] not in logged


@pytest.mark.parametrize(
    "body", [b"", b"[", b"null", b"[null]", b"7", b"\xff", b"[" * 100_000, b'[{"success":true}]', *BAD]
)
def test_a_callback_that_makes_no_sense_is_refused_and_stores_nothing(heard, body):
    assert post(heard, body) == 400
    assert Receipt.objects.count() == 0


def test_a_callback_that_is_too_large_is_refused(heard):
    assert post(heard, b"[" + b" " * (6 << 20) + b"]") == 413


def test_the_same_callback_five_times_at_once_is_one_receipt(heard):
    (message,) = send("0001")
    message.refresh_from_db()
    body = json.dumps([report(message)]).encode()

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda _: post(heard, body), range(5))) == [200] * 5

    assert Receipt.objects.count() == 1
    assert Event.objects.filter(type="message.delivered").count() == 1
    assert outcome(message) == ("sent", "delivered")


def test_by_the_clock_when_nobody_passes_barriers(transactional_db, live_server, tmp_path):
    running = Sandbox(tmp_path / "accepted.jsonl", "--auto", "0.2")
    try:
        account = an_account(running.url)
        clock.stand(NOW, by="test")
        running.control("callback", url=accounts.callback_url(account, live_server.url))
        (message,) = send("0602")
        deadline = time.monotonic() + 10
        while outcome(message)[1] == "none" and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        running.kill()

    assert outcome(message) == ("sent", "delivered")


def test_the_counterpart_repeats_what_was_not_taken(account, sandbox, live_server):
    (message,) = send("0001")
    sandbox.control("callback", url=live_server.url + "/api/v1/callbacks/aliyun_sms/aliyun-sandbox/not-yet")
    assert sandbox.barrier()["failed"] == 1
    assert outcome(message) == ("sent", "none")

    sandbox.control("callback", url=accounts.callback_url(account, live_server.url))

    assert sandbox.barrier()["failed"] == 0
    assert outcome(message) == ("sent", "delivered")
