"""Who asks, whether really they, and how often: rows 35 to 38 of the table."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from cdp.models import Order
from config.ground import keys, rate, signing
from config.ground.models import ApiKey, Brand
from tests.api.abuse.calls import ORDER, refusal, send
from tests.api.conftest import NOW

ORDERS = "/api/v1/ingest/orders?atomic=false"
BODY = b'{"source": "shop", "orders": []}'
NONCE = "0123456789abcdef"


def a_key(*scopes: str, **more) -> APIClient:
    clear = keys.create("a", scopes or ("ingest",), "shop", actor="test", now=NOW, **more)
    return APIClient(headers={"Authorization": f"Bearer {clear}", "Accept-Language": "en"})


@pytest.fixture
def signer() -> tuple[APIClient, str]:
    client = a_key("ingest", "members")
    return client, keys.sign(ApiKey.objects.get(), required=True, actor="test", now=NOW)


def signed(
    secret: str,
    *,
    at: float = 0,
    nonce: str = NONCE,
    path: str = "/api/v1/ingest/orders",
    query="atomic=false",
    body=BODY,
):
    stamp = str(int(time.time() + at))
    text = signing.text("POST", path, query, stamp, nonce, body)
    return {
        signing.TIMESTAMP: stamp,
        signing.NONCE: nonce,
        signing.SIGNATURE: signing.signature(secret, text),
    }


WRONG = [
    ("row35-a-bad-signature", lambda secret: signed(secret) | {signing.SIGNATURE: "0" * 64}),
    (
        "row35-in-capitals",
        lambda secret: {k: v.upper() if k == signing.SIGNATURE else v for k, v in signed(secret).items()},
    ),
    ("row35-another-secret", lambda secret: signed("another")),
    ("row35-another-body", lambda secret: signed(secret, body=BODY + b" ")),
    ("row35-another-query", lambda secret: signed(secret, query="atomic=true")),
    ("row35-no-nonce", lambda secret: {k: v for k, v in signed(secret).items() if k != signing.NONCE}),
    ("row35-no-timestamp", lambda secret: {k: v for k, v in signed(secret).items() if k != signing.TIMESTAMP}),
    ("row35-no-signature", lambda secret: {k: v for k, v in signed(secret).items() if k != signing.SIGNATURE}),
    ("row35-unsigned", lambda secret: {}),
    ("row36-six-minutes-ago", lambda secret: signed(secret, at=-360)),
    ("row36-in-six-minutes", lambda secret: signed(secret, at=360)),
    ("row36-for-another-path", lambda secret: signed(secret, path="/api/v1/ingest/events")),
    ("row36-a-timestamp-in-words", lambda secret: signed(secret) | {signing.TIMESTAMP: "now"}),
]


@pytest.mark.parametrize(("_label", "headers"), WRONG, ids=[row[0] for row in WRONG])
def test_whatever_is_wrong_with_a_signature_has_one_answer(signer, _label, headers):
    client, secret = signer

    assert refusal(send(client, BODY, ORDERS, **headers(secret))) == (401, "bad_signature")


def test_row35_the_order_of_the_query_and_the_case_of_header_names_do_not_matter(signer):
    client, secret = signer
    said = {name.lower(): value for name, value in signed(secret, query="b=2&atomic=false").items()}

    response = send(client, BODY, "/api/v1/ingest/orders?atomic=false&b=2", **said)

    assert refusal(response) == (400, "invalid")  # it was let in; only then is `b` a parameter that there is not


def test_row36_a_nonce_is_used_once_here_and_elsewhere(signer):
    client, secret = signer
    said = signed(secret)

    assert send(client, BODY, ORDERS, **said).status_code == 202
    assert refusal(send(client, BODY, ORDERS, **said)) == (401, "bad_signature")
    other = signed(secret, path="/api/v1/ingest/events")
    assert refusal(send(client, BODY, "/api/v1/ingest/events?atomic=false", **other)) == (401, "bad_signature")


def test_row37_a_key_that_is_none_or_not_for_this_is_refused():
    client = a_key("ingest", networks=["127.0.0.1"])
    key = ApiKey.objects.get()

    def post(**more):
        return refusal(client.generic("POST", "/api/v1/ingest/orders", BODY, content_type="application/json", **more))

    assert refusal(APIClient().post("/api/v1/ingest/orders")) == (401, "no_key")
    assert refusal(client.get("/api/v1/members/1")) == (403, "wrong_scope")
    assert post(REMOTE_ADDR="192.0.2.1") == (403, "wrong_address")
    keys.replace(key, until=NOW + timedelta(days=1), actor="test", now=NOW)
    Brand.objects.update(clock_at=NOW + timedelta(days=1))
    assert post() == (401, "wrong_key")
    Brand.objects.update(clock_at=NOW)
    keys.revoke(key, actor="test", now=NOW)
    assert post() == (401, "wrong_key")
    assert Order.objects.count() == 0


def test_row38_a_burst_of_ten_times_the_rate_is_429_and_others_go_on(partner, monkeypatch):
    monkeypatch.setattr(rate, "_silent_until", 0.0)
    calm, burst = partner("ingest"), a_key(rate=10)

    answers = [send(burst, BODY, ORDERS).status_code for _n in range(100)]
    refused = send(burst, BODY, ORDERS)

    assert (answers.count(202), answers.count(429)) in ((10, 90), (11, 89), (12, 88))  # some flows back meanwhile
    assert refusal(refused) == (429, "too_many_calls")
    assert 1 <= int(refused["Retry-After"]) <= 6
    assert send(calm, {"source": "shop", "orders": [ORDER]}, ORDERS).status_code == 202
