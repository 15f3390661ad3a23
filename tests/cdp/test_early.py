"""An event before its member waits sealed, and is that member's as if it had come then."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import parked
from cdp.models import Event, FeedRow, Identity, Parked
from config.ground.models import Alarm
from tests.builders import at
from tests.cdp.persons import a_rule, a_source, event, send, tell, whose

pytestmark = pytest.mark.django_db
DEVICE, PHONE = "device@web:D-secret", "phone:13900000001"


def counts(answer):
    return answer.accepted, answer.duplicates, [(r.index, r.path, r.code) for r in answer.rejected]


def stored():
    return list(Event.objects.order_by("external_id").values_list("external_id", "member"))


def test_an_event_whose_device_names_nobody_is_parked_and_applied_when_somebody_has_the_device():
    assert counts(send("events", event("E1", DEVICE), event("E2", "device@web:other"), source="web")) == (2, 0, [])
    assert (stored(), Parked.objects.count()) == ([], 2)

    tell(["crm_id:1", DEVICE])

    member = whose("crm_id:1")
    assert stored() == [("E1", member)]
    assert Event.objects.get().identity_id == Identity.objects.get(kind="device").pk
    assert list(FeedRow.objects.filter(kind="browse").values_list("reader", "member")) == [("profile", member)]
    assert Parked.objects.values_list("external_id", "waits_for", "why").get() == ("E2", "device@web", "no_member")


def test_the_same_id_again_while_it_waits_is_a_duplicate_and_other_content_a_conflict():
    send("events", event("E1", DEVICE), source="web")

    assert counts(send("events", event("E1", DEVICE), source="web")) == (0, 1, [])
    assert counts(send("events", event("E1", DEVICE, type="search"), source="web")) == (0, 0, [(0, "id", "conflict")])
    tell(["crm_id:1", DEVICE])
    assert counts(send("events", event("E1", DEVICE), source="web")) == (0, 1, [])
    assert len(stored()) == 1


def test_what_waits_is_sealed():
    send("events", event("E1", DEVICE) | {"properties": {"query": "绿茶"}}, source="web")

    with connection.cursor() as cursor:
        cursor.execute("SELECT p::text || encode(sealed, 'escape') FROM cdp_parked p")
        row = cursor.fetchone()[0]
    assert "D-secret" not in row
    assert "绿茶" not in row
    tell(["crm_id:1", DEVICE])
    assert Event.objects.get().properties == {"query": "绿茶"}


def test_an_event_that_waits_for_a_member_unsealed_is_refused_by_the_table_itself():
    send("events", event("E1", DEVICE), source="web")

    with pytest.raises(IntegrityError, match="a_row_that_waits_for_a_member_is_sealed"), transaction.atomic():
        Parked.objects.update(sealed=None)


def test_it_belongs_to_the_strongest_identity_that_is_told_of():
    web = a_source("web")
    a_rule("email", web, strength="weak", cap=3)
    send("events", event("E1", DEVICE, "email:a@b.cn"), source="web")

    tell(["crm_id:1", DEVICE], ["crm_id:2", "email:a@b.cn"])

    assert stored() == [("E1", whose("crm_id:2"))]


def test_an_order_may_tell_whose_the_device_is():
    send("events", event("E1", DEVICE), source="web")

    row = {
        "id": "A1",
        "identities": [PHONE, DEVICE],
        "placed_at": "2017-10-01T10:00:00+08:00",
        "amount": 1,
        "currency": "CNY",
    }
    send("orders", row, source="shop")

    assert stored() == [("E1", whose(PHONE))]


def test_a_device_of_two_members_tells_nobody():
    tell(["crm_id:1", DEVICE])
    tell(["crm_id:2", DEVICE])

    send("events", event("E1", DEVICE), source="web")

    assert (stored(), Parked.objects.count()) == ([], 1)


def test_what_waits_for_a_device_that_turns_weak_is_nobodys():
    tell(["crm_id:1", DEVICE])
    tell(["crm_id:2", DEVICE])
    send("events", event("E1", DEVICE), event("E2", DEVICE, "device@app:mine"), source="web")

    tell(*[[f"crm_id:{n}", DEVICE] for n in range(3, 7)])

    assert stored() == [("E1", None)]
    tell(["crm_id:9", "device@app:mine"])
    assert stored() == [("E1", None), ("E2", whose("crm_id:9"))]


def test_history_that_waited_triggers_nobody():
    send("events", event("E1", DEVICE), source="web", history=True)

    tell(["crm_id:1", DEVICE])

    assert stored() == [("E1", whose("crm_id:1"))]
    assert set(FeedRow.objects.values_list("kind", flat=True)) == {"member", "history"}


def test_an_event_that_waits_longer_than_the_brands_patience_rings():
    send("events", event("E1", DEVICE), source="web", now="2017-10-06")

    assert parked.ring_for_late(now=at("2017-11-05")) == 1

    assert (Alarm.objects.get().subject, "D-secret" in Alarm.objects.get().text) == ("parked:web:event", False)


def test_an_atomic_batch_that_is_refused_parks_and_releases_nothing():
    send("events", event("E1", DEVICE), source="web")

    with pytest.raises(Exception, match="rejected"), transaction.atomic():
        send("members", {"identities": ["crm_id:1", DEVICE]}, {"identities": ["device@web:x"]}, atomic=True)

    assert (stored(), Parked.objects.count(), Identity.objects.count()) == ([], 1, 0)
