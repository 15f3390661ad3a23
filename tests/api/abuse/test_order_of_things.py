"""Words and things that come twice, late, or too often: rows 55, 58 and 59 of the table."""

from __future__ import annotations

import json

import pytest

from cdp.ingest.accept import accept
from cdp.models import Consent, ConsentRecord, Event, Member, Order, Parked
from config.ground import rate
from connectors import outbox
from tests.api.abuse.calls import EVENT, ORDER, REFUND, WORD, ingest, refusal, rejected, said
from tests.api.conftest import NOW
from tests.connectors import builders


@pytest.fixture
def client(partner):
    accept("members", [{"identities": ["crm_id:1"]}], source="shop", now=NOW)
    return partner("members", "members:all", "ingest")


def in_force() -> dict[tuple[str, str], str]:
    return {(c.channel, c.purpose): c.state for c in Consent.objects.all()}


def test_row55_withdrawn_twice_is_withdrawn_once(client):
    word = WORD | {"state": "withdrawn"}

    assert [said(client, word).json()["recorded"] for _n in range(2)] == [True, False]
    assert (ConsentRecord.objects.count(), in_force()) == (1, {("sms", "marketing"): "withdrawn"})


def test_row55_a_grant_for_one_channel_or_purpose_is_none_for_another(client):
    said(client, WORD | {"state": "withdrawn"})
    said(client, WORD | {"channel": "email"})
    said(client, WORD | {"purpose": "service"})

    assert in_force() == {
        ("sms", "marketing"): "withdrawn", ("email", "marketing"): "granted", ("sms", "service"): "granted",
    }  # fmt: skip


@pytest.mark.parametrize("other", ["any", "email", "wecom", "push"], ids=lambda channel: f"row55-{channel}")
def test_a_grant_by_another_channel_lifts_no_withdrawal(client, other):
    said(client, WORD | {"state": "withdrawn"})

    response = said(client, WORD | {"channel": other, "at": "2026-03-01T11:00:00+08:00"})

    assert response.json()["in_force"]["state"] == "granted"
    assert in_force() == {("sms", "marketing"): "withdrawn", (other, "marketing"): "granted"}


AGES = [("2012-03-02", 422), ("2012-03-01", 200), ("2020-12-31", 422)]  # fourteen on the day of the word, or not yet


@pytest.mark.parametrize(("birthday", "status"), AGES, ids=[f"row55-born-{born}" for born, _status in AGES])
def test_below_fourteen_a_guardian_grants(client, birthday, status):
    accept("members", [{"identities": ["crm_id:1"], "attributes": {"birthday": birthday}}], source="shop", now=NOW)

    response = said(client, WORD)

    assert response.status_code == status
    if status == 422:
        assert refusal(response) == (422, "minor")
        assert in_force() == {}
        assert said(client, WORD | {"state": "withdrawn"}).status_code == 200  # a withdrawal needs nobody
        assert said(client, WORD | {"channel": "email", "guardian": "mother, form 8"}).status_code == 200
        row = {"identities": ["crm_id:1"], "consents": [WORD | {"purpose": "service"}]}
        assert [code for _index, _path, code in rejected(ingest(client, "members", row))] == ["minor"]


def test_row55_the_latest_word_by_its_instant_is_in_force_however_it_comes(client):
    said(client, WORD | {"state": "withdrawn", "at": "2026-03-01T11:00:00+08:00"})
    said(client, WORD | {"state": "granted", "at": "2026-03-01T10:00:00+08:00"})
    assert in_force() == {("sms", "marketing"): "withdrawn"}

    said(client, WORD | {"state": "granted", "at": "2026-03-01T11:00:00+08:00"})
    assert in_force() == {("sms", "marketing"): "withdrawn"}  # at one instant a withdrawal wins


def test_row55_a_word_that_is_withdrawn_before_the_send_suppresses_it(partner):
    builders.an_account()
    builders.a_template()
    member = builders.a_member(consent="granted")
    message = builders.a_message(member)
    client = partner("members", "members:all")

    word = WORD | {"state": "withdrawn", "at": builders.NOW.isoformat()}
    assert said_of(client, member, word).status_code == 200
    builders.settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason) == ("suppressed", "no_consent")
    assert outbox.unsettled(now=builders.NOW) == 0


def said_of(client, member: int, word):
    return client.generic(
        "POST", f"/api/v1/members/{member}/consents", json.dumps(word).encode(), content_type="application/json"
    )


def test_row58_a_refund_before_its_order_waits_and_is_applied_when_the_order_comes(client):
    assert json.loads(ingest(client, "refunds", REFUND).content)["accepted"] == 1
    assert Parked.objects.get().waits_for == "A1"

    ingest(client, "orders", ORDER)

    assert (Order.objects.get().refunded, Parked.objects.count()) == (40, 0)


FIRST = [["device@web:D1"], ["device@web:D1", "device@web:D2"]]


@pytest.mark.parametrize("names", FIRST, ids=["row58-one-device", "row58-two-devices"])
def test_an_event_by_a_device_before_its_member_is_theirs_when_they_come(client, names):
    event = EVENT | {"identities": names}
    assert json.loads(ingest(client, "events", event).content)["accepted"] == 1
    assert (Parked.objects.get().why, Event.objects.count()) == ("no_member", 0)
    assert json.loads(ingest(client, "events", event).content)["duplicates"] == 1

    assert (
        rejected(ingest(client, "members", {"identities": ["crm_id:9", names[-1]], "registered_at": WORD["at"]})) == []
    )

    member = Member.objects.exclude(registered_at=None).get()
    assert (Event.objects.get().member_id, Parked.objects.count()) == (member.pk, 0)


def test_row58_a_word_before_the_sign_up_is_kept(client):
    row = {"identities": ["phone:13900000009"], "consents": [WORD | {"state": "withdrawn"}]}
    assert rejected(ingest(client, "members", row)) == []

    ingest(client, "members", {"identities": ["phone:13900000009", "crm_id:9"], "registered_at": WORD["at"]})

    member = Member.objects.exclude(registered_at=None).get()
    assert member.consents.get().state == "withdrawn"


def test_row59_a_storm_of_one_member_starves_nobody(client, settings, monkeypatch):
    monkeypatch.setattr(rate, "_silent_until", 0.0)
    settings.EVENTS_PER_MEMBER = 100
    storm = [EVENT | {"id": f"storm-{n}", "identities": ["crm_id:stormy"]} for n in range(900)]
    calm = [EVENT | {"id": f"calm-{n}", "identities": [f"crm_id:calm-{n}"]} for n in range(100)]

    response = ingest(client, "events", *(storm[:450] + calm + storm[450:]))

    taken = json.loads(response.content)
    assert taken["accepted"] == 200
    assert {(path, code) for _index, path, code in rejected(response)} == {("identities", "too_many")}
    assert all("stormy" not in row["message"] for row in taken["rejected"])
