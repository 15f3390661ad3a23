"""A storm of one member is held back row by row, and nobody else notices."""

from __future__ import annotations

import pytest

from cdp.ingest.accept import accept
from cdp.models import Event
from config.ground import rate
from tests.api.conftest import NOW
from tests.api.test_ingest import EVENTS, answer, event, send


@pytest.fixture(autouse=True)
def _twenty_a_minute(monkeypatch, settings):
    monkeypatch.setattr(rate, "_silent_until", 0.0)
    settings.EVENTS_PER_MEMBER = 20
    link = rate._valkey(settings.BROKER_URL)
    for name in link.scan_iter("huitou:storm:*"):
        link.delete(name)


def storm(count: int, who: str = "crm_id:1", start: int = 0) -> list[dict]:
    return [event(id=f"{who}/{n}", identities=[who, "phone:13900000001"]) for n in range(start, start + count)]


def test_of_one_member_so_many_are_taken_and_the_others_are_told_to_come_later(partner):
    calm = [event(id=f"calm-{n}", identities=[f"crm_id:{n}"]) for n in range(100, 110)]

    said = answer(send(partner("ingest"), *storm(40), *calm, url=EVENTS))

    assert said["accepted"] == 30
    assert [r["index"] for r in said["rejected"]] == list(range(20, 40))
    assert {(r["path"], r["code"]) for r in said["rejected"]} == {("identities", "too_many")}
    assert "20 events a minute" in said["rejected"][0]["message"]
    assert "in 3 seconds" in said["rejected"][0]["message"]
    assert Event.objects.filter(external_id__startswith="calm").count() == 10


def test_what_was_rejected_comes_in_later(partner, settings):
    client = partner("ingest")
    send(client, *storm(20), url=EVENTS)
    assert answer(send(client, *storm(20, start=20), url=EVENTS))["accepted"] == 0

    link = rate._valkey(settings.BROKER_URL)
    for name in link.scan_iter("huitou:storm:*"):
        link.hincrbyfloat(name, "at", -15.0)  # a quarter of a minute goes by

    said = answer(send(client, *storm(20, start=20), url=EVENTS))
    assert (said["accepted"], len(said["rejected"])) == (5, 15)


def test_no_identity_stands_in_valkey(partner, settings):
    send(partner("ingest"), *storm(1, who="crm_id:secret-number"), url=EVENTS)

    names = list(rate._valkey(settings.BROKER_URL).scan_iter("huitou:storm:*"))
    assert len(names) == 1
    assert "secret" not in names[0]


def test_without_valkey_everything_is_taken(partner, settings):
    settings.BROKER_URL = "redis://127.0.0.1:1/0"

    assert answer(send(partner("ingest"), *storm(40), url=EVENTS))["accepted"] == 40


def test_a_file_is_not_paced(db):
    assert accept("events", storm(40), source="shop", now=NOW).accepted == 40


def test_an_atomic_batch_with_a_storm_stores_none(partner):
    response = send(partner("ingest"), *storm(21), url=EVENTS + "?atomic=true")

    assert response.status_code == 422
    assert [e["path"] for e in answer(response)["errors"]] == ["events[20].identities"]
    assert Event.objects.count() == 0
