"""The same again: rows 18 to 21 of the table."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import connection

from cdp.ingest.accept import accept
from cdp.models import ConsentRecord, Member, Order
from tests.api.abuse.calls import ORDER, WORD, ingest, refusal, rejected, said
from tests.api.conftest import NOW


@pytest.fixture
def client(partner):
    accept("members", [{"identities": ["crm_id:1"]}], source="shop", now=NOW)
    return partner("members", "members:all", "ingest")


@pytest.mark.django_db(transaction=True)
def test_row18_fifty_at_once_with_one_key_have_one_effect(client):
    together, answers = threading.Barrier(50), []

    def call():
        together.wait()
        answers.append(said(client, **{"Idempotency-Key": "k1"}))
        connection.close()

    threads = [threading.Thread(target=call) for _n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 49
    assert ConsentRecord.objects.count() == 1


def test_row19_the_same_key_with_another_body_is_a_conflict(client):
    said(client, **{"Idempotency-Key": "k1"})

    response = said(client, WORD | {"state": "withdrawn"}, **{"Idempotency-Key": "k1"})

    assert refusal(response) == (409, "key_reused")
    assert ConsentRecord.objects.count() == 1


@pytest.mark.parametrize(
    "key",
    ["", " ", "x" * 300, "a\x01", "a\tb", "钥".encode().decode("latin-1"), "a b"],
    ids=[
        "row20-empty",
        "row20-blank",
        "row20-300-characters",
        "row20-control",
        "row20-tab",
        "row20-not-ASCII",
        "row20-space",
    ],
)
def test_a_key_that_is_none_is_refused(client, key):
    assert refusal(said(client, **{"Idempotency-Key": key})) == (400, "bad_idempotency_key")
    assert ConsentRecord.objects.count() == 0


def test_row21_an_order_that_is_known_is_a_duplicate_whatever_the_key_and_another_one_a_conflict(client):
    ingest(client, "orders", ORDER, **{"Idempotency-Key": "k1"})

    again = ingest(client, "orders", ORDER, **{"Idempotency-Key": "k2"})
    other = ingest(client, "orders", ORDER | {"amount": 7}, **{"Idempotency-Key": "k3"})

    assert json.loads(again.content) == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert rejected(other) == [(0, "id", "conflict")]
    assert "amount" in json.loads(other.content)["rejected"][0]["message"]
    assert (Order.objects.get().amount, Member.objects.count()) == (100, 1)
