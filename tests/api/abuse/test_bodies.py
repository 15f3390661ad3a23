"""Bodies that are wrong: rows 1 to 9 and 11 to 14 of the table, on a call that takes one thing and on a batch of rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.ingest.accept import accept
from cdp.models import ConsentRecord, Event, Member, Order
from tests.api.abuse import calls
from tests.api.abuse.calls import JSON, WORD, ingest, refusal, rejected
from tests.api.conftest import NOW


@pytest.fixture
def client(partner):
    accept("members", [{"identities": ["crm_id:1"]}], source="shop", now=NOW)
    return partner("members", "members:all")


def said(**other) -> bytes:
    return json.dumps(WORD | other).encode()


def without(name) -> bytes:
    return json.dumps({key: value for key, value in WORD.items() if key != name}).encode()


ROWS = [
    # label, body, content type, status, code, path
    ("row01-NUL-in-a-text", said(evidence="a\0"), JSON, 400, "nul", "evidence"),
    ("row02-NUL-in-a-key", said(**{"a\0": 1}), JSON, 400, "nul", "a"),
    ("row03-a-lone-surrogate", said().replace(b"form", b"\\ud800"), JSON, 400, "malformed_json", None),
    ("row04-nested-33-deep", said(evidence=json.loads("[" * 32 + "]" * 32)), JSON, 400, "malformed_json", None),
    ("row04-nested-2000-deep", b"[" * 2000 + b"]" * 2000, JSON, 400, "malformed_json", None),
    ("row04-nested-100000-deep", b"[" * 100_000, JSON, 400, "malformed_json", None),
    ("row06-not-UTF-8", said().replace(b"form", b"\xff"), JSON, 400, "malformed_json", None),
    ("row06-UTF-16", said().decode().encode("utf-16"), JSON, 400, "malformed_json", None),
    ("row06-a-byte-order-mark", b"\xef\xbb\xbf" + said(), JSON, 400, "malformed_json", None),
    ("row07-a-key-twice", said()[:-1] + b', "state": "withdrawn"}', JSON, 400, "malformed_json", None),
    ("row08-an-unknown-field", said(is_admin=True), JSON, 400, "unknown_field", "is_admin"),
    ("row08-a-field-of-ours", said(id=1), JSON, 400, "unknown_field", "id"),
    ("row09-a-number-for-a-text", said(channel=1), JSON, 400, "wrong_type", "channel"),
    ("row09-NaN", said().replace(b'"form"', b"NaN"), JSON, 400, "malformed_json", None),
    ("row11-a-naive-instant", said(at="2026-03-01T10:00:00"), JSON, 400, "naive_time", "at"),
    ("row11-year-0", said(at="0000-01-01T00:00:00Z"), JSON, 400, "invalid_time", "at"),
    ("row11-year-1", said(at="0001-01-01T00:00:00+14:00"), JSON, 400, "too_early", "at"),
    ("row11-1969", said(at="1969-12-31T23:59:59Z"), JSON, 400, "too_early", "at"),
    ("row11-a-61st-second", said(at="2026-03-01T10:00:60Z"), JSON, 400, "invalid_time", "at"),
    ("row11-24:00", said(at="2026-02-01T24:00:00Z"), JSON, 400, "invalid_time", "at"),
    ("row11-the-future", said(at="2026-03-01T12:06:00+08:00"), JSON, 422, "future", "at"),
    ("row11-year-9999", said(at="9999-12-31T23:59:59-23:00"), JSON, 422, "future", "at"),
    ("row11-a-number", said(at=1772337600), JSON, 400, "invalid_time", "at"),
    ("row12-nothing", b"", JSON, 400, "required", "channel"),
    ("row12-a-list", b"[]", JSON, 400, "wrong_type", ""),
    ("row12-null", b"null", JSON, 400, "wrong_type", ""),
    ("row12-a-string", b'"x"', JSON, 400, "wrong_type", ""),
    ("row12-XML", said(), "text/xml", 415, "unsupported_media_type", None),
    ("row12-a-form", b"channel=sms", "application/x-www-form-urlencoded", 415, "unsupported_media_type", None),
    ("row12-a-bogus-charset", said(), "application/json; charset=bogus", 415, "unsupported_media_type", None),
    ("row12-UTF-16-by-name", said(), 'application/json; charset="utf-16"', 415, "unsupported_media_type", None),
    ("row13-a-text-too-long", said(evidence="x" * 201), JSON, 400, "wrong_length", "evidence"),
    ("row55-no-evidence", without("evidence"), JSON, 400, "required", "evidence"),
    ("row55-an-unknown-state", said(state="maybe"), JSON, 400, "wrong_form", "state"),
    ("row55-a-channel-in-capitals", said(channel="SMS"), JSON, 400, "wrong_form", "channel"),
    ("more-than-5-MB", b" " * (5 * 1024 * 1024) + said(), JSON, 413, "too_large", None),
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(("_label", "body", "kind", "status", "code", "path"), ROWS, ids=[row[0] for row in ROWS])
def test_a_body_that_is_wrong_is_a_problem_and_does_nothing(client, _label, body, kind, status, code, path, language):
    response = calls.send(client, body, f"{calls.HERE}/consents", kind=kind, **{"Accept-Language": language})

    problem = json.loads(response.content)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    if path is None:
        assert problem["code"] == code
    else:
        assert [(e["path"], e["code"]) for e in problem["errors"]] == [(path, code)]
    assert ConsentRecord.objects.count() == 0


HUGE = int("9" * 4000)
NUMBERS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("row09-a-negative-amount", "orders", {"amount": -1}, "amount", "out_of_range"),
    ("row09-part-of-a-fen", "orders", {"amount": 1.5}, "amount", "wrong_type"),
    ("row09-true", "orders", {"amount": True}, "amount", "wrong_type"),
    ("row09-digits-with-underscore", "orders", {"amount": "1_000"}, "amount", "wrong_type"),
    ("row09-full-width-digits", "orders", {"amount": "１２3"}, "amount", "wrong_type"),
    ("row09-2^63", "orders", {"amount": 2**63}, "amount", "out_of_range"),
    ("row09-4000-digits", "orders", {"amount": HUGE}, "amount", "out_of_range"),
    ("row09-a-refund-of-zero", "refunds", {"amount": 0}, "amount", "out_of_range"),
    ("row09-points-with-underscore", "orders", {"points_used": "1_000"}, "points_used", "wrong_form"),
    ("row09-points-full-width", "orders", {"points_used": "１２"}, "points_used", "wrong_form"),
    ("row09-points-NaN", "orders", {"points_used": "NaN"}, "points_used", "wrong_form"),
    ("row09-points-negative", "orders", {"points_used": "-1"}, "points_used", "wrong_form"),
    ("row09-points-as-number", "orders", {"points_used": 5}, "points_used", "wrong_type"),
    ("row09-quantity-full-width", "orders", {"items": [{"sku": "a", "quantity": "１", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ("row09-quantity-too-fine", "orders", {"items": [{"sku": "a", "quantity": "0.12345", "amount": 1}]}, "items[0].quantity", "too_fine"),
    ("row09-refund-quantity-full-width", "refunds", {"items": [{"sku": "a", "quantity": "１２", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ("row09-refund-quantity-underscore", "refunds", {"items": [{"sku": "a", "quantity": "1_0", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ("row09-refund-quantity-spaces", "refunds", {"items": [{"sku": "a", "quantity": " 3 ", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ("row09-refund-quantity-arabic", "refunds", {"items": [{"sku": "a", "quantity": "٣", "amount": 1}]}, "items[0].quantity", "wrong_form"),
    ("row09-quantity-negative", "orders", {"items": [{"sku": "a", "quantity": -1, "amount": 1}]}, "items[0].quantity", "negative"),
    ("row09-quantity-Infinity", "orders", {"items": [{"sku": "a", "quantity": "Infinity", "amount": 1}]}, "items[0].quantity", "out_of_range"),
    ("row08-a-field-of-ours", "orders", {"member_id": 1}, "member_id", "unknown_field"),
    ("row01-NUL", "orders", {"store": "a\0"}, "store", "nul"),
    ("row02-NUL-in-a-key", "events", {"properties": {"a\0": 1}}, "properties", "nul"),
    ("row04-21-levels-in-a-row", "events", {"properties": {"a": json.loads("[" * 21 + "]" * 21)}}, "properties.a" + "[0]" * 19, "too_deep"),
    ("row11-naive", "orders", {"placed_at": "2026-03-01T10:00:00"}, "placed_at", "naive_time"),
    ("row11-year-9999", "orders", {"placed_at": "9999-12-31T23:59:59Z"}, "placed_at", "future"),
    ("row11-six-minutes-ahead", "orders", {"placed_at": "2026-03-01T12:06:00+08:00"}, "placed_at", "future"),
    ("row11-before-1970", "orders", {"placed_at": "1969-12-31T23:59:59Z"}, "placed_at", "too_early"),
    ("row11-24-oclock", "events", {"occurred_at": "2026-02-28T24:00:00Z"}, "occurred_at", "invalid_time"),
    ("row11-second-60", "events", {"occurred_at": "2026-02-28T23:59:60Z"}, "occurred_at", "invalid_time"),
    ("row13-only-zero-width", "members", {"attributes": {"name": "\u200b\u200b"}}, "attributes.name", "invisible"),
    ("row13-a-Hangul-filler", "members", {"attributes": {"name": "\u3164"}}, "attributes.name", "invisible"),
    ("row13-right-to-left-override", "members", {"attributes": {"name": "王\u202e芳"}}, "attributes.name", "turned_text"),
    ("row13-10000-characters", "members", {"attributes": {"name": "x" * 10_000}}, "attributes.name", "wrong_length"),
    ("row13-a-product-nobody-sees", "products", {"name": "\u2060"}, "name", "invisible"),
    ("row13-a-product-turned", "products", {"brand": "\u2067x"}, "brand", "turned_text"),
]  # fmt: skip
GOOD = {
    "orders": calls.ORDER,
    "refunds": calls.REFUND,
    "events": calls.EVENT,
    "members": {"identities": ["crm_id:1"]},
    "products": {"sku": "tea"},
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(("_label", "kind", "wrong", "path", "code"), NUMBERS, ids=[row[0] for row in NUMBERS])
def test_a_row_that_is_wrong_is_named_and_the_others_are_stored(partner, _label, kind, wrong, path, code, language):
    client = partner("ingest", language=language)
    other = (
        {"sku": "other"}
        if kind == "products"
        else {"identities": ["crm_id:2"]}
        if kind == "members"
        else {"id": "other"}
    )

    response = ingest(client, kind, GOOD[kind] | other, GOOD[kind] | wrong)

    assert rejected(response) == [(1, path, code)]
    assert json.loads(response.content)["accepted"] == 1
    assert json.loads(response.content)["rejected"][0]["message"]


@pytest.mark.parametrize(
    "amount", [b"1e3", b"1e999", b"NaN", b"Infinity", b"-Infinity", b"0x10", b"01", b"+1", b"1_000", "１".encode()]
)
def test_row09_a_number_that_is_no_whole_number_in_json_is_refused(partner, amount):
    body = (
        json.dumps({"source": "shop", "orders": [calls.ORDER | {"amount": 424242}]}).encode().replace(b"424242", amount)
    )

    response = calls.send(partner("ingest"), body, "/api/v1/ingest/orders")

    assert response.status_code == 400 or rejected(response) == [(0, "amount", "wrong_type")]
    assert Order.objects.count() == 0


@pytest.mark.parametrize("amount", [0, 2**31, 10**12], ids=["zero", "2^31", "a-trillion"])
def test_row09_an_order_of_nothing_and_a_large_one_are_orders(partner, amount):
    assert rejected(ingest(partner("ingest"), "orders", calls.ORDER | {"amount": amount})) == []
    assert Order.objects.get().amount == amount


def test_row11_three_years_ago_is_accepted_as_it_was(partner):
    assert rejected(ingest(partner("ingest"), "orders", calls.ORDER | {"placed_at": "2023-03-01T10:00:00+08:00"})) == []
    assert Order.objects.get().placed_at.isoformat() == "2023-03-01T02:00:00+00:00"


NAMES = ["👩‍👩‍👧", "𠮷野家", "བོད་སྐད", "繁體", "می‌خواهم", "O'Brien-Ñandú", "\u200f\u05d0"]


@pytest.mark.parametrize("name", NAMES, ids=[f"row14-{name!a}" for name in NAMES])
def test_names_of_all_kinds_come_through(client, partner, name):
    ingester = partner("ingest")
    row = {"identities": ["crm_id:1"], "attributes": {"name": name}}

    assert rejected(ingest(ingester, "members", row)) == []
    assert calls.said(client, WORD | {"evidence": name}).status_code == 200

    assert client.get(calls.HERE).json()["attributes"]["name"] == name
    assert ConsentRecord.objects.get().evidence == name


def test_row12_a_batch_that_is_no_batch_is_refused(partner):
    client = partner("ingest")
    for body in (b"", b"[]", b"null", b'"x"', b"7"):
        assert refusal(calls.send(client, body, "/api/v1/ingest/orders")) == (400, "invalid")
    assert refusal(calls.send(client, b"{}", "/api/v1/ingest/orders", kind="application/json; charset=bogus"))[0] == 415
    assert (Member.objects.count(), Event.objects.count()) == (0, 0)
