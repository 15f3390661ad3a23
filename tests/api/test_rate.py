"""A key calls as often as its rate allows; another's burst does not slow it, and a Valkey that is away stops nobody."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings as configured
from rest_framework.test import APIClient

from config.ground import keys, rate
from config.ground.models import ApiKey
from tests.api.conftest import NOW

MEMBER = "/api/v1/members/1"


@pytest.fixture(autouse=True)
def _valkey_is_asked(monkeypatch):
    monkeypatch.setattr(rate, "_silent_until", 0.0)


def with_rate(name: str, calls: int) -> APIClient:
    clear = keys.create(name, ["members"], "shop", rate=calls, actor="test", now=NOW)
    return APIClient(headers={"Authorization": f"Bearer {clear}", "Accept-Language": "en"})


def test_a_burst_is_429_with_retry_after_and_others_go_on():
    burst, calm = with_rate("burst", 5), with_rate("calm", 5)

    answers = [burst.get(MEMBER) for _n in range(50)]

    assert [a.status_code for a in answers] == [404] * 5 + [429] * 45
    assert [a["X-RateLimit-Remaining"] for a in answers[:6]] == ["4", "3", "2", "1", "0", "0"]
    assert {a["X-RateLimit-Limit"] for a in answers} == {"5"}
    refused = answers[5]
    assert (refused["Content-Type"], refused.json()["code"]) == ("application/problem+json", "too_many_calls")
    assert refused["Retry-After"] in ("11", "12")
    assert refused["X-RateLimit-Reset"] in ("59", "60")
    assert calm.get(MEMBER).status_code == 404


def test_what_was_used_flows_back_evenly():
    client = with_rate("a", 5)
    for _n in range(6):
        client.get(MEMBER)

    bucket = f"huitou:rate:{ApiKey.objects.get().partner}"
    rate._valkey(configured.BROKER_URL).hincrbyfloat(bucket, "at", -24.0)

    assert [client.get(MEMBER).status_code for _n in range(3)] == [404, 404, 429]


def test_a_call_that_the_scope_refuses_counts_too():
    client = with_rate("a", 5)

    answers = [client.get("/api/v1/journeys/x/metrics") for _n in range(2)]

    assert [(a.status_code, a["X-RateLimit-Remaining"]) for a in answers] == [(403, "4"), (403, "3")]


def test_a_successor_shares_the_rate_of_its_partner():
    with_rate("a", 5).get(MEMBER)
    key = ApiKey.objects.get()
    clear = keys.replace(key, until=NOW.replace(month=4), actor="test", now=NOW)

    response = APIClient(headers={"Authorization": f"Bearer {clear}"}).get(MEMBER)

    assert response["X-RateLimit-Remaining"] == "3"


def test_without_valkey_calls_are_let_through_and_one_line_says_so(settings, caplog):
    client = with_rate("a", 1)
    settings.BROKER_URL = "redis://127.0.0.1:1/0"

    with caplog.at_level(logging.WARNING, "config.ground.rate"):
        answers = [client.get(MEMBER) for _n in range(5)]

    assert [(a.status_code, a["X-RateLimit-Limit"]) for a in answers] == [(404, "1")] * 5
    assert [r.getMessage() for r in caplog.records if r.name == "config.ground.rate"] == [
        "rates are not kept for 5 s: Valkey did not answer (ConnectionError)"
    ]


def test_the_embedded_servers_socket_is_an_address_too():
    link = rate._valkey("redis+socket:///tmp/somewhere/valkey.sock?virtual_host=2").connection_pool.connection_kwargs

    assert (link["path"], link["db"]) == ("/tmp/somewhere/valkey.sock", 2)
