"""A key reads the members that its source has told of, and nobody else's."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from cdp import consents, feed, tags
from cdp.api.members import EXAMPLE
from cdp.ingest.accept import accept
from cdp.models import Member, Order
from config.ground.cause import Cause
from config.logging import clean
from loyalty import prizes, programmes
from tests.api.conftest import NOW

PHONE = "phone:+8613900000001"


@pytest.fixture
def member() -> int:
    """One order of 19.99 three days ago, 20 points, consent to SMS."""
    row = {
        "id": "A1", "identities": [PHONE, "crm_id:1"], "placed_at": "2026-02-26T10:00:00+08:00",
        "amount": 1999, "currency": "CNY",
    }  # fmt: skip
    accept("orders", [row], source="shop", now=NOW)
    feed.drain(feed.PROFILE, limit=10, now=NOW)
    pk = Order.objects.get().member_id
    programmes.start(points_per_unit=Decimal(1), now=NOW)
    prizes.give([prizes.Gift(pk, Decimal("20.50"), Cause("test", "1"), "a test")], now=NOW)
    consents.set_state([consents.Said(pk, "sms", "marketing", "granted", NOW, "form 7")], now=NOW)
    return pk


def get(client, name):
    response = client.get(f"/api/v1/members/{name}")
    return response.status_code, json.loads(response.content)


def test_a_member_is_read_by_id_and_by_identity(partner, member):
    client = partner("members")

    status, body = get(client, member)

    assert status == 200
    assert (body["id"], body["as_of"]) == (member, "2026-03-01T04:00:00Z")
    assert {k: body["profile"][k] for k in ("orders", "amount", "amount_365", "currency", "recency")} == {
        "orders": 1, "amount": 1999, "amount_365": 1999, "currency": "CNY", "recency": 3,
    }  # fmt: skip
    assert body["profile"]["last_order_at"] == "2026-02-26T02:00:00Z"
    assert body["stage"] == {"value": "first_purchase", "since": "2026-03-01T04:00:00Z"}
    assert body["value_tier"]["since"] == "2026-03-01T04:00:00Z"
    alone = {"recency": 5, "frequency": 1, "monetary": 1, "group": "important_value", "class": "high"}
    assert (body["mall_stage"], body["rfm"]) == (None, alone)
    assert (body["habits"]["preferred_weekday"], body["habits"]["preferred_hour"]) == (4, 10)
    assert "last_login_at" not in body["habits"]
    assert body["points"] == {"balance": "20.50"}
    assert body["consents"] == [
        {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-03-01T04:00:00Z"}
    ]
    assert get(client, PHONE) == (200, body)
    assert get(client, "crm_id:1") == (200, body)


def test_identities_are_masked(partner, member):
    _status, body = get(partner("members"), member)

    assert sorted((i["kind"], i["value"]) for i in body["identities"]) == [
        ("crm_id", "****"), ("phone", "+86139****0001"),
    ]  # fmt: skip
    assert "13900000001" not in json.dumps(body)


def test_of_a_short_number_the_end_tells_two_apart(partner, member):
    accept("orders", [{
        "id": "A2", "identities": ["crm_id:1044"], "placed_at": "2026-02-26T10:00:00+08:00", "amount": 1, "currency": "CNY",
    }], source="shop", now=NOW)  # fmt: skip

    _status, body = get(partner("members"), "crm_id:1044")

    assert [(i["kind"], i["value"]) for i in body["identities"]] == [("crm_id", "****44")]


def test_the_example_carries_tags_that_ingest_takes():
    assert [tags.parse(text) for text in EXAMPLE["tags"]] == [("preference", "tea")]


def test_a_key_of_another_source_sees_no_such_member(partner, member):
    till = partner("members", source="till")

    assert {get(till, name)[0] for name in (member, PHONE, "crm_id:1")} == {404}
    assert get(till, member)[1]["code"] == "no_such_member"
    assert get(partner("members:all", "members", source="till"), member)[0] == 200


def test_a_member_without_orders_has_no_profile_yet(partner):
    pk = Member.objects.create(created_at=NOW).pk

    status, body = get(partner("members", "members:all"), pk)

    assert (status, body["profile"], body["stage"], body["points"]) == (200, None, None, {"balance": "0.00"})


@pytest.mark.parametrize(
    "name", ["phone:+8613900000001", "phone%3A%2B8613900000001", "wechat_openid@wx1:oABC", "crm_id:77"]
)
def test_an_identity_in_a_path_never_reaches_a_log(name):
    assert (
        clean(f'"GET /api/v1/members/{name}/points HTTP/1.1" 404')
        == '"GET /api/v1/members/[redacted]/points HTTP/1.1" 404'
    )
    assert clean(f"Not Found: /api/v1/members/{name}") == "Not Found: /api/v1/members/[redacted]"
    assert clean("Not Found: /api/v1/members/17") == "Not Found: /api/v1/members/17"


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "9" * 18,
        "9" * 40,
        "-1",
        "fax:1",
        "phone:",
        "phone:abc",
        "crm_id:%00",
        "%FF%FE",
        "²",
        "x" * 3000,
        "crm_id:2",
    ],
)
def test_a_name_that_names_nobody_is_404_and_never_echoed(partner, member, name):
    status, body = get(partner("members"), name)

    assert (status, body["code"]) == (404, "no_such_member")
    assert name not in body["detail"]
