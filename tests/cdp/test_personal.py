"""A declared personal property is stored under the member's own key only; with that key gone, nothing of it can be read or guessed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event as Signal

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction

from cdp import datakeys, identity, merging, personal
from cdp.errors import InvalidEventType
from cdp.ingest.accept import accept
from cdp.models import DataKey, Event, EventType, Seen
from config.ground import wrapped
from config.ground.models import AuditRow
from tests.builders import a_member, at
from tests.racing import somebody_waits

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
WISH = {"gift": "tea", "recipient": "张三", "address": "长安街1号"}


@pytest.fixture
def wishes():
    """A type of events with two personal properties."""
    return personal.declare("wish", personal=["recipient", "address"], retention_days=None, actor="admin:li", now=NOW)


def send(id="w1", *, type="wish", who="crm_id:1", **properties):
    row = {
        "id": id, "type": type, "identities": [who], "occurred_at": "2026-03-01T12:00:00+08:00",
        "properties": properties or WISH,
    }  # fmt: skip
    return accept("events", [row], source="shop", now=NOW)


def stored(id="w1"):
    return Event.objects.get(external_id=id)


def test_what_is_declared_is_taken_out_and_sealed_for_the_member(wishes):
    assert send().accepted == 1

    event = stored()
    assert event.properties == {"gift": "tea"}
    assert datakeys.open_for([event.sealed]) == ['{"recipient": "张三", "address": "长安街1号"}']
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(e)::text || to_jsonb(s)::text FROM cdp_event e, cdp_seen s")
        (rows,) = cursor.fetchone()
    assert not any(text in rows for text in ("张三", "长安街", "张三".encode().hex(), "长安街".encode().hex()))


def test_other_types_and_events_without_personal_properties_need_no_key(wishes):
    send("b1", type="browse")
    send("w2", gift="tea")

    assert stored("b1").properties == WISH
    assert (stored("w2").properties, stored("w2").sealed) == ({"gift": "tea"}, None)
    assert DataKey.objects.count() == 0


def test_a_member_has_one_key_for_all_events(wishes):
    send("w1")
    send("w2", recipient="李四")
    send("w3", who="crm_id:2")

    assert DataKey.objects.count() == 2
    assert datakeys.open_for([stored(id).sealed for id in ("w1", "w2", "w3")]) == [
        '{"recipient": "张三", "address": "长安街1号"}', '{"recipient": "李四"}', '{"recipient": "张三", "address": "长安街1号"}',
    ]  # fmt: skip
    first, other = (identity.find("crm_id", number) for number in "12")
    assert {k.member_id for k in DataKey.objects.all()} == {first, other}


def test_of_an_event_that_is_nobodys_nothing_personal_is_kept(wishes):
    assert personal.part([personal.Said("wish", None, WISH)], now=NOW) == [({"gift": "tea"}, None)]
    assert DataKey.objects.count() == 0


def test_a_destroyed_key_opens_nothing_and_the_others_go_on(wishes):
    send("w1")
    send("w2", who="crm_id:2")
    member = identity.find("crm_id", "1")

    assert datakeys.destroy([member]) == 1

    assert datakeys.open_for([stored("w1").sealed, stored("w2").sealed]) == [
        None, '{"recipient": "张三", "address": "长安街1号"}',
    ]  # fmt: skip
    assert datakeys.destroy([member]) == 0
    (fresh,) = datakeys.seal_for([member], ["new"], now=NOW)
    assert datakeys.open_for([fresh, stored("w1").sealed]) == ["new", None]


def test_what_came_while_two_members_were_one_is_taken_over_by_whose_it_is(wishes):
    send("w1")
    send("w2", who="crm_id:2")
    send("w3")
    first, other = (identity.find("crm_id", number) for number in "12")
    Event.objects.filter(external_id="w3").update(member_id=other)  # given back to whom it belongs

    assert [datakeys.take_over([first, other], now=NOW), datakeys.take_over([first, other], now=NOW)] == [1, 0]
    datakeys.destroy([first])

    said = '{"recipient": "张三", "address": "长安街1号"}'
    assert datakeys.open_for([stored(id).sealed for id in ("w1", "w2", "w3")]) == [None, said, said]


def test_after_an_unmerge_what_came_meanwhile_is_under_the_key_of_whose_it_is(wishes):
    send("w1")
    send("w2", who="crm_id:2")
    first, other = (identity.find("crm_id", number) for number in "12")
    made = merging.merge(first, other, reason="one person", actor="admin:li", now=NOW)
    send("w3", who="crm_id:2")
    assert stored("w3").member_id == first

    merging.unmerge(made.pk, reason="two after all", actor="admin:li", now=NOW)
    datakeys.destroy([first])

    said = '{"recipient": "张三", "address": "长安街1号"}'
    assert stored("w3").member_id == other
    assert datakeys.open_for([stored(id).sealed for id in ("w1", "w2", "w3")]) == [None, said, said]


def test_nothing_is_left_by_which_it_could_be_guessed(wishes):
    """The marks that tell a repeated row from another are made of what it said: with the key they go."""
    send("w1")
    send("w2", gift="tea")
    datakeys.destroy([identity.find("crm_id", "1")])

    assert bytes(Seen.objects.get(external_id="w1").content) == b""
    assert len(Seen.objects.get(external_id="w2").content) > 16
    again = send("w1", gift="another")
    assert (again.accepted, again.duplicates, again.rejected) == (0, 1, [])


def test_marks_are_veiled_and_still_tell_what_differs():
    send("b1", type="browse")
    row = Seen.objects.get(external_id="b1")
    plain = hashlib.sha256(msgspec.json.encode(WISH, order="sorted")).digest()

    assert plain[:4] not in bytes(row.content)
    assert send("b1", type="browse").duplicates == 1
    (why,) = send("b1", type="browse", gift="tea").rejected
    assert (why.code, why.message.rpartition("：")[2]) == ("conflict", "properties")


def test_what_was_remembered_before_there_was_a_veil_is_known_again():
    send("b1", type="browse")
    row = Seen.objects.get(external_id="b1")
    name = f"event/{row.source_id}/b1"
    Seen.objects.update(content=wrapped.veil(wrapped.key("seen"), name, bytes(row.content)[1:]))

    assert send("b1", type="browse").duplicates == 1
    (why,) = send("b1", type="browse", gift="tea").rejected
    assert (why.code, why.message.rpartition("：")[2]) == ("conflict", "properties")


def test_a_declaration_is_kept_with_an_audit_row_once():
    for _twice in range(2):
        personal.declare("wish", label="心愿", personal=["b", "a"], retention_days=90, actor="admin:li", now=NOW)

    kept = EventType.objects.get()
    assert (kept.label, kept.personal, kept.retention_days) == ("心愿", ["a", "b"], 90)
    (row,) = AuditRow.objects.all()
    assert (row.actor, row.action, row.subject) == ("admin:li", "event_type.declared", "event_type:wish")
    assert row.detail == {"before": None, "after": {"label": "心愿", "personal": ["a", "b"], "retention_days": 90}}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("Wish", []),
        ("", []),
        ("stage.entered", ["value"]),
        ("wish", ["a", "a"]),
        ("wish", [""]),
        ("wish", ["x" * 101]),
        ("wish", ["a\nb"]),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(code, names):
    with pytest.raises(InvalidEventType):
        personal.declare(code, personal=names, retention_days=None, actor="admin:li", now=NOW)
    assert EventType.objects.count() == AuditRow.objects.count() == 0


@pytest.mark.parametrize(
    ("law", "row"),
    [
        ("an_event_type_is_a_code", {"code": "Wish"}),
        ("our_own_events_say_nothing_personal", {"code": "stage.entered", "personal": ["value"]}),
        ("what_is_kept_is_kept_a_day_at_least", {"code": "wish", "retention_days": 0}),
    ],
)
def test_the_table_refuses_what_no_type_is(law, row):
    with pytest.raises(IntegrityError, match=law), transaction.atomic():
        EventType.objects.create(**row)


@pytest.mark.django_db(transaction=True)
def test_two_who_need_a_members_first_key_at_once_make_one():
    member = a_member(now=at("2026-01-01"))
    made, go_on = Signal(), Signal()

    def theirs():
        try:
            with transaction.atomic():
                (sealed,) = datakeys.seal_for([member], ["theirs"], now=NOW)
                made.set()
                go_on.wait(20)
            return sealed
        finally:
            connection.close()

    def ours():
        try:
            with transaction.atomic():
                return datakeys.seal_for([member], ["ours"], now=NOW)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(theirs)
        made.wait(20)
        second = pool.submit(ours)
        somebody_waits()
        go_on.set()
        sealed = [first.result(20), second.result(20)]

    assert datakeys.open_for(sealed) == ["theirs", "ours"]
    assert DataKey.objects.count() == 1
