"""A signed call is let in once, at its moment, as it was signed; whatever else comes is refused with one code."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from cdp.models import Order
from config.ground import keys, rate, signing
from config.ground.models import ApiKey, AuditRow, Nonce
from tests.api.conftest import NOW

ORDERS = "/api/v1/ingest/orders"
BODY = json.dumps(
    {
        "source": "shop",
        "orders": [
            {
                "id": "A1",
                "identities": ["crm_id:1"],
                "placed_at": "2026-03-01T10:00:00+08:00",
                "amount": 1,
                "currency": "CNY",
            }
        ],
    }
).encode()
HEX = "0123456789abcdef"


@pytest.fixture
def secret():
    keys.create("a", ["ingest", "members"], "shop", actor="test", now=NOW)
    return keys.sign(ApiKey.objects.get(), required=True, actor="admin:li", now=NOW)


@pytest.fixture
def client(secret):
    return bearer()


def bearer() -> APIClient:
    key = ApiKey.objects.get()
    clear = f"hk_{key.prefix}_test"
    ApiKey.objects.update(hashed=sha256(clear.encode()).digest())
    return APIClient(headers={"Authorization": f"Bearer {clear}", "Accept-Language": "en"})


def headers(secret, *, method="POST", path=ORDERS, query="", body=BODY, at=0.0, nonce=HEX):
    timestamp = str(int(time.time() + at))
    signed = signing.text(method, path, query, timestamp, nonce, body)
    return {
        signing.TIMESTAMP: timestamp,
        signing.NONCE: nonce,
        signing.SIGNATURE: signing.signature(secret, signed),
    }


def post(client, said, *, url=ORDERS, body=BODY):
    return client.generic("POST", url, body, content_type="application/json", headers=said)


def refused(response) -> bool:
    assert (response.status_code, response.json()["code"]) == (401, "bad_signature"), response.content
    return True


def test_a_signed_call_is_let_in_and_its_replay_is_not(client, secret):
    said = headers(secret)

    assert post(client, said).status_code == 202
    assert refused(post(client, said))
    assert Order.objects.count() == 1
    assert post(client, headers(secret, nonce="f" * 16)).json()["duplicates"] == 1


def test_a_replay_after_valkey_was_flushed_has_no_second_effect(client, secret, settings):
    said = headers(secret)
    post(client, said)

    rate._valkey(settings.BROKER_URL).delete(f"huitou:rate:{ApiKey.objects.get().partner}")

    assert refused(post(client, said))
    assert Nonce.objects.count() == 1


@pytest.mark.parametrize("missing", [signing.TIMESTAMP, signing.NONCE, signing.SIGNATURE, "all"])
def test_a_call_that_lacks_a_part_is_refused(client, secret, missing):
    said = {name: value for name, value in headers(secret).items() if missing not in (name, "all")}

    assert refused(post(client, said))
    assert Order.objects.count() == 0


@pytest.mark.parametrize("at", [-360, 360])
def test_six_minutes_are_too_early_or_too_late(client, secret, at):
    assert refused(post(client, headers(secret, at=at)))
    assert post(client, headers(secret, at=at * 0.8)).status_code == 202


@pytest.mark.parametrize(
    "other",
    [
        {"secret": "another"},
        {"body": BODY + b" "},
        {"path": "/api/v1/ingest/events"},
        {"query": "atomic=true"},
        {"method": "PUT"},
        {"nonce": "short"},
        {"nonce": "spaces are not allowed"},
    ],
    ids=str,
)
def test_a_signature_over_something_else_is_refused(client, secret, other):
    wrong = {"secret": secret} | other

    assert refused(post(client, headers(wrong.pop("secret"), **wrong)))
    assert (Order.objects.count(), Nonce.objects.count()) == (0, 0)


def test_the_order_of_the_query_and_the_case_of_headers_do_not_matter():
    one = signing.text("post", "/a", "b=2&a=1&a=0&c=", "1", HEX, b"")

    assert one == signing.text("POST", "/a", "c=&a=0&b=2&a=1", "1", HEX, b"")
    assert one.split("\n")[3] == "a=0&a=1&b=2&c="


def test_a_path_is_signed_as_it_is_understood(client, secret):
    said = headers(secret, method="GET", path="/api/v1/members/crm_id:1", body=b"")

    response = client.get("/api/v1/members/crm_id%3A1", headers=said)

    assert (response.status_code, response.json()["code"]) == (404, "no_such_member")


def test_signing_may_be_optional_but_a_wrong_signature_is_never_let_in(client, secret):
    keys.require_signing(ApiKey.objects.get(), required=False, actor="admin:li", now=NOW)

    assert post(client, {}).status_code == 202
    assert refused(post(client, headers("another")))
    assert list(AuditRow.objects.order_by("id").values_list("action", flat=True)) == [
        "api_key.created", "api_key.secret_issued", "api_key.signing",
    ]  # fmt: skip


def test_a_key_without_a_secret_cannot_be_made_to_sign():
    keys.create("a", ["metrics"], actor="test", now=NOW)

    assert keys.require_signing(ApiKey.objects.get(), required=True, actor="admin:li", now=NOW) is False
    assert ApiKey.objects.get().signing == "off"
    assert refused(bearer().get("/api/v1/journeys/x/metrics", headers=headers("any")))


def test_the_secret_is_stored_sealed(secret):
    key = ApiKey.objects.get()

    assert secret.encode() not in bytes(key.signing_secret)
    assert not any(secret in str(vars(row)) for row in AuditRow.objects.all())


def test_the_documented_example_is_true():
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    signed = signing.text(
        "POST", "/api/v1/ingest/orders", "atomic=true", "1772337600", HEX, b'{"source":"shop","orders":[]}'
    )

    assert signed in text
    assert signing.signature("an-example-secret", signed) in text
