"""Every answer and every log line of a call carry the call's id."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from structlog.contextvars import get_contextvars

MADE = re.compile(r"[0-9a-f]{32}")


def test_a_sane_id_comes_back_and_is_bound_to_the_log(partner):
    response = partner("members").get("/api/v1/members/1", headers={"X-Request-ID": "trace-1.a:b_C"})

    assert response["X-Request-ID"] == "trace-1.a:b_C"
    assert get_contextvars()["request_id"] == "trace-1.a:b_C"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\x01", "é", "<script>"])
def test_another_one_is_replaced(partner, given):
    response = partner("members").get("/api/v1/members/1", headers={"X-Request-ID": given})

    assert MADE.fullmatch(response["X-Request-ID"])


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/nothing", "/admin/", "/api/v1/ingest/orders", "/api/v1/schema/"])
def test_every_answer_has_one(client, path):
    one, other = client.get(path)["X-Request-ID"], client.get(path)["X-Request-ID"]

    assert MADE.fullmatch(one) and one != other


def test_our_own_fault_is_a_problem_with_its_id_and_without_its_cause(partner, monkeypatch):
    monkeypatch.setattr("cdp.visible.member", lambda *_: 1 / 0)
    client = partner("members")
    client.raise_request_exception = False

    response = client.get("/api/v1/members/1")

    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert response.json()["code"] == "server_error"
    assert MADE.fullmatch(response["X-Request-ID"])
    assert "ZeroDivision" not in response.content.decode()


def test_a_wrong_host_is_a_problem_too():
    response = Client().get("/api/v1/members/1", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
