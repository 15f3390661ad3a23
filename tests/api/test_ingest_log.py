"""What did the shop send at 03:12, and why was row 17 refused: every call is on record, refused ones too."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from cdp.ingest import log
from cdp.models import IngestBody, IngestCall, Order
from tests.api.conftest import NOW
from tests.api.test_ingest import answer, order, raw, send


@pytest.fixture
def sender(partner):
    return partner("ingest")


def only():
    return IngestCall.objects.get()


def counts(call):
    return call.rows, call.accepted, call.duplicates, call.rejected


def test_a_call_is_on_record_with_its_body_its_key_and_its_request_id(sender):
    rows = [order(id=f"A{n}") for n in range(20)]
    rows[17]["amount"] = "12"
    body = json.dumps({"source": "shop", "orders": rows}).encode()

    response = sender.generic(
        "POST", "/api/v1/ingest/orders", body, content_type="application/json", headers={"X-Request-ID": "shop-0312"}
    )

    assert response.status_code == 202
    call = only()
    assert (call.at, call.door, call.state, call.request_id) == (NOW, "api", "taken", "shop-0312")
    assert call.actor.startswith("api:key ")
    assert counts(call) == (20, 19, 0, 1)
    assert call.rejections == [{"index": 17, "path": "amount", "code": "wrong_type"}]
    assert log.open_body(call) == body


REFUSED = [
    (b"{not json", 400, "malformed_json", 0),
    (b'{"source": "shop"}', 400, "invalid", 0),
    (b"[]", 400, "invalid", 0),
    (json.dumps({"source": "till", "orders": [order()]}).encode(), 403, "other_source", 1),
    (json.dumps({"source": "shop", "orders": [{}] * 1001}).encode(), 413, "too_many_rows", 1001),
]


@pytest.mark.parametrize(("body", "status", "code", "rows"), REFUSED)
def test_a_refused_call_is_on_record_with_why_and_what_it_said(sender, body, status, code, rows):
    response = raw(sender, body)

    assert (response.status_code, answer(response)["code"]) == (status, code)
    call = only()
    assert (call.source.code, call.kind, call.state, call.code) == ("shop", "orders", "refused", code)
    assert counts(call) == (rows, 0, 0, rows)
    assert call.reasons == ({code: rows} if rows else {})
    assert log.open_body(call) == body


def test_an_atomic_batch_that_was_refused_names_its_bad_rows_and_counts_the_others_with_them(sender):
    body = json.dumps({"source": "shop", "orders": [order(), order(id="A2", amount=-1), order(id="A3")]}).encode()

    response = raw(sender, body, "/api/v1/ingest/orders?atomic=true")

    assert response.status_code == 422
    call = only()
    assert (call.code, counts(call)) == ("rejected", (3, 0, 0, 3))
    assert call.reasons == {"out_of_range": 1, "with_batch": 2}
    assert call.rejections == [{"index": 1, "path": "amount", "code": "out_of_range"}]
    assert Order.objects.count() == 0


def test_a_body_that_is_too_large_is_on_record_without_it(sender):
    response = raw(sender, b" " * (5 * 1024 * 1024 + 1))

    assert response.status_code == 413
    assert (only().code, IngestBody.objects.count()) == ("too_large", 0)


def test_another_content_type_is_on_record(sender):
    response = sender.generic("POST", "/api/v1/ingest/orders", b"<x/>", content_type="text/xml")

    assert response.status_code == 415
    assert (only().code, log.open_body(only())) == ("unsupported_media_type", b"<x/>")


def test_a_log_that_fails_does_not_fail_a_call_that_is_refused(sender):
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE FUNCTION no_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$;
               CREATE TRIGGER no_log BEFORE INSERT ON cdp_ingestcall EXECUTE FUNCTION no_log()"""
        )

    response = raw(sender, b"{not json")

    assert (response.status_code, answer(response)["code"]) == (400, "malformed_json")
    assert IngestCall.objects.count() == 0


def test_who_has_no_key_leaves_nothing_behind(client):
    assert send(client, order()).status_code == 401

    assert IngestCall.objects.count() == 0
