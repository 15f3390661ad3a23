"""Rows come in over HTTP: durable and once, and what is wrong is named by its field in the caller's language."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.ingest.rows import EventRow, OrderRow
from cdp.models import Event, Member, Order, Product, Refund

ORDERS, EVENTS = "/api/v1/ingest/orders", "/api/v1/ingest/events"


@pytest.fixture
def sender(partner):
    return partner("ingest")


def order(**other):
    return {
        "id": "A1",
        "identities": ["phone:+8613900000001"],
        "placed_at": "2026-03-01T10:00:00+08:00",
        "amount": 1999,
        "currency": "CNY",
        "items": [{"sku": "tea", "quantity": 2, "amount": 1999}],
    } | other


def event(**other):
    return {
        "id": "E1", "type": "search", "identities": ["crm_id:1"], "occurred_at": "2026-03-01T10:00:00+08:00",
    } | other  # fmt: skip


def send(client, *orders, url=ORDERS, **envelope):
    body = {"source": "shop", "orders" if url.startswith(ORDERS) else "events": list(orders)} | envelope
    return raw(client, json.dumps(body).encode(), url)


def raw(client, body, url=ORDERS):
    return client.generic("POST", url, body, content_type="application/json")


def answer(response):
    return json.loads(response.content)


def test_an_order_is_stored_once_and_a_retry_is_a_duplicate(partner):
    client = partner("ingest")

    first, again = send(client, order()), send(client, order(placed_at="2026-03-01T02:00:00Z"))

    assert (first.status_code, answer(first)) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert (again.status_code, answer(again)) == (202, {"accepted": 0, "duplicates": 1, "rejected": []})
    assert Order.objects.get().amount == 1999


def test_the_same_id_with_other_content_is_a_conflict(partner):
    client = partner("ingest")
    send(client, order())

    [rejected] = answer(send(client, order(amount=2000)))["rejected"]

    assert (rejected["index"], rejected["path"], rejected["code"]) == (0, "id", "conflict")
    assert Order.objects.get().amount == 1999


def test_an_event_is_stored(partner):
    response = send(partner("ingest"), event(properties={"query": "绿茶"}), url=EVENTS)

    assert answer(response) == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert Event.objects.get().properties == {"query": "绿茶"}


REFUND = {"id": "R1", "order_id": "A1", "refunded_at": "2026-03-01T11:00:00+08:00", "amount": 500}
TEA = {"sku": "tea", "name": "绿茶", "price": 4900, "launched_at": "2026-01-01T00:00:00+08:00", "replenish_days": 30}


@pytest.mark.parametrize(
    ("kind", "row", "table"),
    [
        ("members", {"identities": ["crm_id:1"], "attributes": {"name": "王芳"}}, Member),
        ("products", TEA, Product),
        ("refunds", REFUND, Refund),
    ],
)
def test_every_kind_comes_in_with_the_same_answer(partner, kind, row, table):
    client = partner("ingest")
    send(client, order(identities=[]))
    body = json.dumps({"source": "shop", kind: [row, {}]}).encode()

    first, again = (raw(client, body, f"/api/v1/ingest/{kind}") for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert (answer(first)["accepted"], answer(first)["duplicates"]) == (1, 0)
    assert (answer(again)["accepted"], answer(again)["duplicates"]) == (0, 1)
    assert [(r["index"], r["code"]) for r in answer(first)["rejected"]] == [(1, "required")]
    assert table.objects.count() == 1


def test_a_product_keeps_what_a_later_row_does_not_say(partner):
    client = partner("ingest")
    for row in (TEA, {"sku": "tea", "name": "茶", "price": 5900}):
        body = json.dumps({"source": "shop", "products": [row]}).encode()
        assert answer(raw(client, body, "/api/v1/ingest/products"))["accepted"] == 1

    assert Product.objects.values_list("name", "price", "replenish_days").get() == ("茶", 5900, 30)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_refund_above_the_rest_is_answered_in_the_callers_language(partner, language):
    client = partner("ingest", language=language)
    send(client, order())
    body = {"source": "shop", "refunds": [REFUND, REFUND | {"id": "R2", "amount": 1500}]}

    stored = raw(client, json.dumps(body).encode(), "/api/v1/ingest/refunds")
    refused = raw(client, json.dumps(body).encode(), "/api/v1/ingest/refunds?atomic=true")

    [rejected] = answer(stored)["rejected"]
    assert (rejected["index"], rejected["path"], rejected["code"]) == (1, "amount", "too_much")
    assert "1499" in rejected["message"]
    assert (refused.status_code, answer(refused)["errors"][0]["path"]) == (422, "refunds[1].amount")


BAD = [
    ({"placed_at": "2026-03-01T10:00:00"}, "placed_at", "naive_time"),
    ({"placed_at": "yesterday"}, "placed_at", "invalid_time"),
    ({"placed_at": "2026-03-02T10:00:00+08:00"}, "placed_at", "future"),
    ({"amount": -1}, "amount", "out_of_range"),
    ({"amount": 19.99}, "amount", "wrong_type"),
    ({"amount": 10**40}, "amount", "out_of_range"),
    ({"currency": "USD"}, "currency", "wrong_currency"),
    ({"colour": "red"}, "colour", "unknown_field"),
    ({"items": [{"sku": "tea", "quantity": -1, "amount": 1}]}, "items[0].quantity", "negative"),
    ({"items": [{"sku": "tea", "quantity": 1e15, "amount": 1}]}, "items[0].quantity", "out_of_range"),
    ({"items": [{"sku": "tea", "quantity": "NaN", "amount": 1}]}, "items[0].quantity", "out_of_range"),
    ({"items": [{"sku": "tea", "quantity": "1E-999999", "amount": 1}]}, "items[0].quantity", "out_of_range"),
    ({"items": [{"sku": "tea", "quantity": "1_000", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ({"items": [{"sku": "tea", "quantity": "１２", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ({"amount": "1999"}, "amount", "wrong_type"),
    ({"amount": True}, "amount", "wrong_type"),
    ({"items": [{"sku": "a\0b", "quantity": 1, "amount": 1}]}, "items[0].sku", "nul"),
    ({"points_used": "١٢"}, "points_used", "wrong_form"),
    ({"identities": ["fax:1"]}, "identities[0]", "invalid_identity"),
    ({"id": ""}, "id", "wrong_length"),
]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(("wrong", "path", "code"), BAD, ids=[f"{path}-{code}" for _w, path, code in BAD])
def test_a_bad_row_is_named_by_its_field_and_the_good_one_is_stored(partner, wrong, path, code, language):
    response = send(partner("ingest", language=language), order(id="B"), order(**wrong))

    body = answer(response)
    assert (response.status_code, body["accepted"]) == (202, 1)
    [rejected] = body["rejected"]
    assert (rejected["index"], rejected["path"], rejected["code"]) == (1, path, code)
    assert rejected["message"]
    assert [o.external_id for o in Order.objects.all()] == ["B"]


@pytest.mark.parametrize(
    ("properties", "path", "code"),
    [
        ({"a": {"b": ["x", "\0"]}}, "properties.a.b[1]", "nul"),
        ({"a\0": 1}, "properties", "nul"),
        ({"n": 10**400}, "properties.n", "out_of_range"),
        ({"n": json.loads("[" * 25 + "]" * 25)}, "properties.n" + "[0]" * 19, "too_deep"),
    ],
)
def test_what_the_database_cannot_hold_is_refused_with_its_path(partner, properties, path, code):
    [rejected] = answer(send(partner("ingest"), event(properties=properties), url=EVENTS))["rejected"]

    assert (rejected["path"], rejected["code"]) == (path, code)
    assert Event.objects.count() == 0


def test_an_atomic_batch_stores_all_or_none(partner):
    client = partner("ingest")

    response = send(client, order(id="B"), order(amount=-1), url=ORDERS + "?atomic=true")

    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    body = answer(response)
    assert (body["code"], body["status"]) == ("rejected", 422)
    assert [(e["path"], e["code"]) for e in body["errors"]] == [("orders[1].amount", "out_of_range")]
    assert Order.objects.count() == 0
    assert send(client, order(), url=ORDERS + "?atomic=true").status_code == 202


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        (b'{"source": "shop", "orders": [', 400, "malformed_json", None),
        (b"", 400, "invalid", "source"),
        (b'{"source": "\xff"}', 400, "malformed_json", None),
        (b'{"source": "\\ud800", "orders": []}', 400, "malformed_json", None),
        (b'{"source": "shop", "orders": [NaN]}', 400, "malformed_json", None),
        (b'{"source": "shop", "orders": [1e999]}', 400, "malformed_json", None),
        (b"[" * 100_000, 400, "malformed_json", None),
        (b'{"source": "shop", "orders": ' + b"[" * 32 + b"]" * 32 + b"}", 400, "malformed_json", None),
        (b'{"source": "shop", "source": "shop", "orders": []}', 400, "malformed_json", None),
        (b'{"source": "shop", "orders": [{"id": "A", "id": "B"}]}', 400, "malformed_json", None),
        (b'\xef\xbb\xbf{"source": "shop", "orders": []}', 400, "malformed_json", None),
        ('{"source": "shop", "orders": []}'.encode("utf-16"), 400, "malformed_json", None),
        (b"[]", 400, "invalid", ""),
        (b"7", 400, "invalid", ""),
        (b'{"source": "shop"}', 400, "invalid", "orders"),
        (b'{"source": "shop", "orders": {}}', 400, "invalid", "orders"),
        (b'{"source": "shop", "orders": [], "kind": 1}', 400, "invalid", "kind"),
        (b'{"source": "a\\u0000", "orders": []}', 403, "other_source", None),
        (b'{"source": "till", "orders": []}', 403, "other_source", None),
        (b'{"source": "shop", "orders": [' + b",".join([b"{}"] * 1001) + b"]}", 413, "too_many_rows", None),
        (b" " * (5 * 1024 * 1024 + 1), 413, "too_large", None),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem_with_a_code(partner, body, status, code, path):
    response = raw(partner("ingest"), body)

    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem = answer(response)
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["detail"]
    if path is not None:
        assert [e["path"] for e in problem["errors"]] == [path]


def test_rows_that_are_no_objects_are_rejected_one_by_one(partner):
    body = answer(raw(partner("ingest"), b'{"source": "shop", "orders": [null, 1, "x", []]}'))

    assert [(r["index"], r["code"]) for r in body["rejected"]] == [(n, "wrong_type") for n in range(4)]


def test_a_chunked_body_is_told_what_to_send(partner):
    response = partner("ingest").generic("POST", ORDERS, b"", HTTP_TRANSFER_ENCODING="chunked")

    assert (response.status_code, answer(response)["code"]) == (411, "length_required")


def test_another_media_type_and_another_method_are_problems(partner):
    client = partner("ingest")

    assert client.generic("POST", ORDERS, b"<x/>", content_type="text/xml").status_code == 415
    response = client.get(ORDERS)
    assert (response.status_code, answer(response)["code"]) == (405, "method_not_allowed")
    response = client.get("/api/v1/nothing/here")
    assert (response.status_code, answer(response)["code"]) == (404, "not_found")


def test_a_database_that_does_not_answer_is_503_with_retry_after(partner):
    client = partner("ingest")
    somebody_else = connection.copy()
    with somebody_else.cursor() as other, connection.cursor() as ours:
        somebody_else.set_autocommit(False)
        other.execute("LOCK TABLE cdp_seen IN ACCESS EXCLUSIVE MODE")
        ours.execute("SET LOCAL lock_timeout = '100ms'")
        try:
            response = send(client, order())
        finally:
            somebody_else.close()

    assert (response.status_code, response["Retry-After"], answer(response)["code"]) == (503, "5", "busy")
    assert "lock" not in response.content.decode()
    assert send(client, order()).status_code == 202


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([*OrderRow.__struct_fields__, *EventRow.__struct_fields__])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=st.sampled_from([ORDERS, EVENTS]), strange=st.dictionaries(FIELDS, JSON, max_size=3), extra=JSON)
def test_no_content_of_a_row_makes_a_server_error(sender, url, strange, extra):
    good = {k: v for k, v in (order() if url == ORDERS else event()).items() if k not in strange}

    response = send(sender, good | strange, extra, url=url)

    assert response.status_code == 202, (strange, extra)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_a_server_error(sender, body):
    assert 400 <= raw(sender, body).status_code < 500, body
