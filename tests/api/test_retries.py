"""A client that repeats everything and loses answers ends with the same rows as one that is told each time."""

from __future__ import annotations

import json
import random
import threading

import pytest
from django.db import connection

from cdp.models import ConsentRecord, Event, Identity, IngestCall, Member, Order, OrderLine
from config.ground.models import Answer, Brand
from tests import flush
from tests.api.conftest import NOW
from tests.api.test_ingest import answer, order, send

pytestmark = pytest.mark.django_db(transaction=True)


def together(calls):
    start = threading.Barrier(len(calls))

    def run(call):
        start.wait()
        call()
        connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_fifty_parallel_posts_of_one_batch_store_it_once(partner):
    client, answers = partner("ingest"), []
    batch = [order(id=f"A{n}", identities=[f"crm_id:c{n % 7}"]) for n in range(20)]

    together([lambda: answers.append(send(client, *batch))] * 50)

    assert {response.status_code for response in answers} == {202}
    said = [answer(response) for response in answers]
    assert sum(each["accepted"] for each in said) == 20
    assert sum(each["duplicates"] for each in said) == 20 * 49
    assert not any(each["rejected"] for each in said)
    assert (Order.objects.count(), OrderLine.objects.count()) == (20, 20)
    assert counted("orders") == {"rows": 1000, "accepted": 20, "duplicates": 980, "rejected": 0}
    assert (Member.objects.count(), Identity.objects.count()) == (7, 7)


def counted(kind):
    names = ("rows", "accepted", "duplicates", "rejected")
    calls = IngestCall.objects.filter(kind=kind).values(*names)
    return {name: sum(call[name] for call in calls) for name in names}


AT = "2026-03-01T10:00:00+08:00"
WORD = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": AT, "evidence": "form"}


def row(kind: str, n: int) -> dict:
    who = [f"crm_id:c{n % 7}"]
    match kind:
        case "members":
            return {"identities": [*who, f"phone:1380000{n % 7:04}"], "attributes": {f"a{n}": n}, "consents": [WORD]}
        case "products":
            return {"sku": f"P{n}", "name": f"product {n}", "price": n}
        case "orders":
            return order(id=f"A{n}", identities=who)
        case "refunds":
            return {"id": f"R{n}", "order_id": f"A{n}", "refunded_at": AT, "amount": 7}
        case _:
            return {"id": f"E{n}", "type": "search", "identities": who, "occurred_at": AT, "properties": {"n": n}}


KINDS = ("members", "products", "orders", "refunds", "events")
# What the tables hold after all rows of a kind: nothing about when, in which order, or by which numbers they came.
HELD = {
    "members": "SELECT i.kind, count(*), (SELECT string_agg(DISTINCT attributes::text, ' ') FROM cdp_member) FROM cdp_identity i"
    " GROUP BY 1 UNION ALL SELECT 'said', count(*), '' FROM cdp_consentrecord",
    "products": "SELECT sku, name, price FROM cdp_product",
    "orders": "SELECT external_id, amount, refunded, (SELECT count(*) FROM cdp_orderline l WHERE l.order_id = o.id) FROM cdp_order o",
    "refunds": "SELECT external_id, amount FROM cdp_refund UNION ALL SELECT external_id, -1 FROM cdp_parked",
    "events": "SELECT external_id, properties FROM cdp_event",
}


def held() -> dict[str, list]:
    with connection.cursor() as cursor:
        found = {}
        for kind, asked in HELD.items():
            cursor.execute(f"SELECT h::text FROM ({asked}) h ORDER BY 1")
            found[kind] = [text for (text,) in cursor.fetchall()]
        return found


def forget() -> None:
    """The world as it was before the first call."""
    flush.restore(connection)
    Brand.objects.update(clock_mode="replay", clock_at=NOW, timezone="Asia/Shanghai", currency="CNY")


def post(client, kind: str, *rows: dict):
    body = json.dumps({"source": "shop", kind: list(rows)}).encode()
    return client.generic("POST", f"/api/v1/ingest/{kind}", body, content_type="application/json")


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_parallel_posts_of_a_batch_of_every_kind_store_it_once(partner, kind):
    client, answers = partner("ingest"), []
    rows = [row(kind, n) for n in range(20)]
    post(client, kind, *rows)
    once = held()
    forget()
    client = partner("ingest")

    together([lambda: answers.append(post(client, kind, *rows))] * 50)

    assert {response.status_code for response in answers} == {202}
    said = [answer(response) for response in answers]
    assert not any(each["rejected"] for each in said)
    assert sum(each["accepted"] + each["duplicates"] for each in said) == 50 * 20
    if kind not in ("members", "products"):  # they have no id in their source: two at once may both bring news
        assert sum(each["accepted"] for each in said) == 20
    assert held() == once


@pytest.mark.parametrize("seed", range(2))
def test_all_kinds_repeated_three_times_in_any_order_end_as_told_once(partner, seed):
    calls = [(kind, row(kind, n)) for kind in KINDS for n in range(8)]
    client = partner("ingest")
    for kind, each in calls:
        assert post(client, kind, each).status_code == 202
    once = held()
    forget()
    client, repeated = partner("ingest"), calls * 3
    random.Random(seed).shuffle(repeated)

    for beginning in range(0, len(repeated), 6):
        together(
            [
                lambda kind=kind, each=each: post(client, kind, each)
                for kind, each in repeated[beginning : beginning + 6]
            ]
        )

    assert held() == once


@pytest.mark.parametrize("seed", range(3))
def test_a_client_that_repeats_everything_three_times_and_loses_answers_ends_with_the_same_rows(partner, seed):
    chance, client = random.Random(seed), partner("ingest", "members")
    send(client, order(id="first", identities=["crm_id:c0"]))
    calls = []
    for n in range(10):
        calls.append(lambda n=n: send(client, order(id=f"A{n}", identities=[f"crm_id:c{n % 3}"])))
        event = {
            "id": f"E{n}",
            "type": "search",
            "identities": [f"crm_id:c{n % 3}"],
            "occurred_at": "2026-03-01T10:00:00+08:00",
        }
        calls.append(lambda event=event: send(client, event, url="/api/v1/ingest/events"))
        word = {
            "channel": "sms",
            "purpose": "marketing",
            "state": "granted",
            "at": f"2026-02-{n + 1:02}T10:00:00+08:00",
            "evidence": "form",
        }
        calls.append(
            lambda n=n, word=word: client.post(
                "/api/v1/members/crm_id:c0/consents",
                json.dumps(word),
                content_type="application/json",
                headers={"Idempotency-Key": f"word-{n}"},
            )
        )
    repeated = calls * 3
    chance.shuffle(repeated)

    for beginning in range(0, len(repeated), 6):  # six in flight at a time, and nobody reads an answer
        together(repeated[beginning : beginning + 6])

    assert sorted(Order.objects.values_list("external_id", flat=True)) == sorted(
        ["first", *(f"A{n}" for n in range(10))]
    )
    assert sorted(Event.objects.values_list("external_id", flat=True)) == [f"E{n}" for n in range(10)]
    assert sorted(at.day for at in ConsentRecord.objects.values_list("at", flat=True)) == list(range(1, 11))
    assert (Member.objects.count(), Identity.objects.count(), OrderLine.objects.count()) == (3, 3, 11)
    assert Answer.objects.count() == 10
    assert counted("orders") == {"rows": 31, "accepted": 11, "duplicates": 20, "rejected": 0}
    assert counted("events") == {"rows": 30, "accepted": 10, "duplicates": 20, "rejected": 0}
