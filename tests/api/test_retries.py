"""A client that repeats everything and loses answers ends with the same rows as one that is told each time."""

from __future__ import annotations

import json
import random
import threading

import pytest
from django.db import connection

from cdp.models import ConsentRecord, Event, Identity, IngestCall, Member, Order, OrderLine
from config.ground.models import Answer
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
    batch = [order(id=f"A{n}", identities=[f"crm_id:{n % 7}"]) for n in range(20)]

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


@pytest.mark.parametrize("seed", range(3))
def test_a_client_that_repeats_everything_three_times_and_loses_answers_ends_with_the_same_rows(partner, seed):
    chance, client = random.Random(seed), partner("ingest", "members")
    send(client, order(id="first", identities=["crm_id:0"]))
    calls = []
    for n in range(10):
        calls.append(lambda n=n: send(client, order(id=f"A{n}", identities=[f"crm_id:{n % 3}"])))
        event = {
            "id": f"E{n}",
            "type": "search",
            "identities": [f"crm_id:{n % 3}"],
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
                "/api/v1/members/crm_id:0/consents",
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
