"""An Idempotency-Key has one answer: lost ones are given again, refusals are not kept, and nobody reads them in the database."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import connection
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from cdp.ingest.accept import accept
from cdp.models import ConsentRecord, Order
from config.ground import keys, openapi, sweep
from config.ground.answers import once
from config.ground.models import Answer, ApiKey
from config.ground.problems import Problem, Refused
from config.ground.web import Door
from tests.api.conftest import NOW

WORD = {
    "channel": "sms",
    "purpose": "marketing",
    "state": "granted",
    "at": "2026-03-01T10:00:00+08:00",
    "evidence": "form 7",
}
ANSWER = {
    "recorded": True,
    "in_force": {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-03-01T02:00:00Z"},
}


@pytest.fixture
def url() -> str:
    return known()


def known() -> str:
    row = {
        "id": "A1",
        "identities": ["crm_id:1"],
        "placed_at": "2026-02-26T10:00:00+08:00",
        "amount": 1,
        "currency": "CNY",
    }
    accept("orders", [row], source="shop", now=NOW)
    return f"/api/v1/members/{Order.objects.get().member_id}/consents"


def say(client, url, key=None, **other):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(url, json.dumps(WORD | other), content_type="application/json", headers=headers)


def test_a_word_is_recorded_and_the_answer_says_what_is_in_force(partner, url):
    client = partner("members")

    first = say(client, url)
    older = say(client, url, state="withdrawn", at="2026-02-01T10:00:00+08:00")
    again = say(client, url)

    assert (first.status_code, first.json()) == (200, ANSWER)
    assert older.json() == ANSWER
    assert again.json() == ANSWER | {"recorded": False}
    assert ConsentRecord.objects.count() == 2


def test_the_same_key_and_body_have_the_first_answer(partner, url):
    client = partner("members")
    first = say(client, url, "k1")

    again = say(client, url, "k1")

    assert (again.status_code, again.json()) == (200, ANSWER)
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert ConsentRecord.objects.count() == 1


def test_the_same_key_with_another_call_is_a_conflict(partner, url):
    client = partner("members")
    say(client, url, "k1")

    other = say(client, url, "k1", state="withdrawn")
    elsewhere = say(client, "/api/v1/members/crm_id:1/consents", "k1")

    assert {(r.status_code, r.json()["code"]) for r in (other, elsewhere)} == {(409, "key_reused")}
    assert ConsentRecord.objects.count() == 1
    assert say(partner("members"), url, "k1", state="withdrawn").status_code == 200  # another partner's key is another


def test_a_refusal_is_not_kept(partner):
    client = partner("members")
    here = "/api/v1/members/crm_id:1/consents"

    assert say(client, here, "k1").status_code == 404
    assert Answer.objects.count() == 0

    known()
    assert (say(client, here, "k1").status_code, Answer.objects.count()) == (200, 1)


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\x01", "钥".encode().decode("latin-1"), "a b"])
def test_a_key_that_is_none_is_refused(partner, url, key):
    response = say(partner("members"), url, key)

    assert (response.status_code, response.json()["code"]) == (400, "bad_idempotency_key")
    assert ConsentRecord.objects.count() == 0


def test_an_answer_is_sealed_at_rest(partner, url):
    say(partner("members"), url, "k1")

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(a) - 'sealed', sealed FROM ground_answer a")
        row, sealed = cursor.fetchone()

    for clear in ("sms", "marketing", "granted", "form 7", "crm_id"):
        assert clear not in json.dumps(row)
        assert clear.encode() not in bytes(sealed)


def test_a_successor_of_the_key_is_given_the_answer_too(url):
    def client(clear):
        return APIClient(headers={"Authorization": f"Bearer {clear}"})

    old = client(keys.create("a", ["members"], "shop", actor="test", now=NOW))
    first = say(old, url, "k1")
    new = client(keys.replace(ApiKey.objects.get(), until=NOW.replace(month=4), actor="test", now=NOW))

    again = say(new, url, "k1")

    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")


def test_a_twin_that_is_under_way_for_long_is_a_409_with_retry_after(partner, url):
    client = partner("members")
    somebody_else = connection.copy()
    with somebody_else.cursor() as other, connection.cursor() as ours:
        somebody_else.set_autocommit(False)
        other.execute("INSERT INTO ground_answer (partner, key) VALUES (%s, 'k1')", [ApiKey.objects.get().partner])
        ours.execute("SET LOCAL lock_timeout = '100ms'")
        try:
            response = say(client, url, "k1")
        finally:
            somebody_else.close()

    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (409, "in_progress", "5")
    assert ConsentRecord.objects.count() == 0
    assert say(client, url, "k1").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_do_it_once_and_all_have_the_answer(partner):
    client, url = partner("members"), known()
    together, answers = threading.Barrier(50), []

    def call():
        together.wait()
        response = say(client, url, "k1")
        answers.append((response.status_code, response.json(), "Idempotency-Replayed" in response))
        connection.close()

    threads = [threading.Thread(target=call) for _n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers, key=str) == [(200, ANSWER, False)] + [(200, ANSWER, True)] * 49
    assert (ConsentRecord.objects.count(), Answer.objects.count()) == (1, 1)


class Counting(Door):
    """A call that is not idempotent by itself."""

    scope = "members"
    made: list[int] = []

    @openapi.call("Counts", name="counts", answers={201: Problem})
    @once()
    def post(self, request):
        self.made.append(1)
        if request.data.get("fail"):
            raise Refused(422, "no", "no")
        return Response(None if request.data.get("empty") else {"made": len(self.made)}, status=201)


def count(body, **headers):
    clear = keys.create(f"k{ApiKey.objects.count()}", ["members"], "shop", actor="test", now=NOW)
    headers |= {"Authorization": f"Bearer {clear}"}
    call = Counting.as_view()

    def once_more():
        request = APIRequestFactory().post("/count", json.dumps(body), content_type="application/json", headers=headers)
        response = call(request)
        return response.status_code, (response.render() if hasattr(response, "render") else response).content

    Counting.made.clear()
    return [once_more() for _n in range(3)], len(Counting.made)


def test_where_a_repeat_would_do_it_twice_the_key_is_required():
    assert count({})[1] == 0
    assert {status for status, _body in count({})[0]} == {400}
    assert count({}, **{"Idempotency-Key": "k"}) == ([(201, b'{"made":1}')] * 3, 1)
    assert count({"empty": True}, **{"Idempotency-Key": "k"}) == ([(201, b"")] * 3, 1)
    refusals, made = count({"fail": True}, **{"Idempotency-Key": "k"})
    assert ([status for status, _body in refusals], made) == ([422] * 3, 3)


def test_answers_are_kept_for_thirty_days_and_nonces_for_an_hour(partner, url):
    client = partner("members")
    for key in ("old", "young"):
        say(client, url, key)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ground_answer SET made_at = now() - interval '31 days' WHERE key = 'old'")
        cursor.execute(
            "INSERT INTO ground_nonce (api_key_id, nonce, seen_at) SELECT id, 'old', now() - interval '2 hours' FROM ground_apikey"
        )
        cursor.execute("INSERT INTO ground_nonce (api_key_id, nonce) SELECT id, 'young' FROM ground_apikey")

    assert [sweep.sweep(), sweep.sweep()] == [2, 0]

    assert Answer.objects.get().key == "young"
