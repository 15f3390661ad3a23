"""One identity names one member, also while the blind key is being changed; who lacks a key says so, and never "unknown"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import identity, resolving
from cdp.models import Identity, Member
from config.ground import blinds, crypto, rotation
from tests.builders import a_member, at

NOW = "2017-10-01"
K1, B1 = "k1:" + "5a" * 32, "b1:" + "7c" * 32


@pytest.fixture
def two_keys(settings):
    """The older one is written; the newer is known to every host."""
    settings.FIELD_KEY, settings.BLIND_KEY = K1, B1


def resolve(text):
    with transaction.atomic():
        return resolving.resolve([[identity.parse(text)]], now=at(NOW))


def keys_of_rows():
    return sorted(Identity.objects.values_list("blind_key", flat=True))


@pytest.mark.django_db
def test_a_newer_key_in_the_settings_is_not_written_before_it_is_said(two_keys):
    a_member(crm_id="1")

    assert keys_of_rows() == ["field:k1"]


@pytest.mark.django_db
def test_during_a_change_both_keys_are_looked_up_and_the_newer_is_written(two_keys):
    old = a_member(crm_id="1", phone="13900000001")
    assert blinds.turn_to("b1") is True
    assert blinds.turn_to("b1") is False

    new = a_member(crm_id="2", phone="13900000002")

    assert keys_of_rows() == ["b1", "b1", "field:k1", "field:k1"]
    assert (identity.find("phone", "13900000001"), identity.find("phone", "13900000002")) == (old, new)
    found = resolve("phone:13900000001")
    assert (found.members, found.fresh) == ([old], set())
    assert Identity.objects.count() == 4


@pytest.mark.django_db
def test_a_host_that_lacks_a_key_says_so(two_keys, settings):
    a_member(crm_id="1", phone="13900000001")
    blinds.turn_to("b1")
    settings.BLIND_KEY = ""

    for ask in (lambda: identity.find("phone", "13900000001"), lambda: resolve("phone:13900000009")):
        lacking = pytest.raises(
            crypto.KeyMissing, match=r"^BLIND_KEY lacks the key 'b1', which the database looks up with$"
        )
        with lacking, transaction.atomic():
            ask()
    assert Member.objects.count() == 1


@pytest.mark.django_db
def test_a_host_with_another_key_of_the_same_name_says_so(settings):
    a_member(crm_id="1")
    settings.FIELD_KEY = "k1:" + "00" * 32

    with pytest.raises(
        crypto.KeyMissing, match="'field:k1' of this host is another than the database was written with"
    ):
        identity.find("crm_id", "1")


@pytest.mark.django_db
def test_the_table_refuses_an_identity_under_another_key_than_the_written_one(two_keys):
    member = a_member(crm_id="1")
    key = identity.parse("crm_id:9")

    with pytest.raises(IntegrityError, match="under the one blind key that is written"), transaction.atomic():
        Identity.objects.create(
            member_id=member, kind="crm_id", app="", blind=key.blind("b1"), blind_key="b1", sealed=b"\2k1", created_at=at(NOW)
        )  # fmt: skip


@pytest.mark.django_db
def test_one_key_is_written(two_keys):
    with pytest.raises(IntegrityError, match="one_blind_key_is_written"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO ground_blindkey (id, written, proof) VALUES ('b1', true, '')")


@pytest.mark.django_db(transaction=True)
def test_who_names_a_new_person_while_the_key_changes_makes_one_member(two_keys):
    """Theirs has written under the older key and not committed; the change has to wait for it, and ours, which comes after,
    waits for the change: it looks both keys up and finds theirs.
    """
    inserted, go_on = Signal(), Signal()

    def competitor():
        try:
            with transaction.atomic():
                named = resolving.resolve([[identity.parse("phone:13900000001")]], now=at(NOW))
                inserted.set()
                go_on.wait(20)
            return named
        finally:
            connection.close()

    def closing(work, *given):
        try:
            return work(*given)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(competitor)
        inserted.wait(20)
        change = pool.submit(closing, blinds.turn_to, "b1")
        _until_waiting(1)
        assert not change.done()
        second = pool.submit(closing, resolve, "phone:13900000001")
        _until_waiting(2)
        go_on.set()
        winner, follower = first.result(20), second.result(20)
        assert change.result(20) is True

    assert (follower.members, follower.fresh) == (winner.members, set())
    assert keys_of_rows() == ["field:k1"]
    assert Member.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_that_waits_lets_batches_pass(two_keys, monkeypatch):
    """Behind a batch that takes long it gives up its place in the queue again and again, so that nobody waits for it for long."""
    inserted, go_on, gave_way = Signal(), Signal(), Signal()
    monkeypatch.setattr(blinds, "PATIENCE", "50ms")

    def slow():
        try:
            with transaction.atomic():
                resolving.resolve([[identity.parse("phone:13900000001")]], now=at(NOW))
                inserted.set()
                go_on.wait(20)
        finally:
            connection.close()

    def change():
        try:
            return blinds.turn_to("b1", waiting=gave_way.set)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(slow)
        inserted.wait(20)
        turned = pool.submit(change)
        assert gave_way.wait(20)
        assert resolve("phone:13900000002").members == [identity.find("phone", "13900000002")]
        go_on.set()
        held.result(20)
        assert turned.result(20) is True


def _until_waiting(count):
    with connection.cursor() as cursor:
        for _try in range(1000):
            cursor.execute(
                """SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
            )
            if cursor.fetchone()[0] >= count:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waited: the race was not injected")


@pytest.mark.django_db(transaction=True)
def test_a_change_of_keys_under_load_makes_nobody_twice_and_loses_nobody(two_keys, monkeypatch):
    """Four who name the same sixty people again and again, in batches that overlap, while every row gets its new key."""
    monkeypatch.setattr(rotation, "SLICE", 7)
    people = [f"phone:+8613900000{n:03}" for n in range(60)]
    with transaction.atomic():
        resolving.resolve([[identity.parse(text)] for text in people[::3]], now=at(NOW))
    done = Signal()

    def partner(number):
        try:
            named, turn = {}, 0
            while not done.is_set() or turn < 4:
                some = people[(7 * turn + number) % 60 :][:20]
                with transaction.atomic():
                    found = resolving.resolve([[identity.parse(text)] for text in some], now=at(NOW))
                for text, member in zip(some, found.members, strict=True):
                    assert named.setdefault(text, member) == member
                turn += 1
            return named
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        at_work = [pool.submit(partner, number) for number in range(4)]
        try:
            turned = rotation.turn(actor="test", now=at(NOW))
        finally:
            done.set()
        said = [future.result(60) for future in at_work]

    assert turned.written == "b1"
    for text in set().union(*said):
        found = identity.find("phone", text.removeprefix("phone:"))
        assert {one[text] for one in said if text in one} == {found}
    assert set(keys_of_rows()) == {"b1"}
    assert Member.objects.count() == Identity.objects.count() == len(set().union(*said) | set(people[::3]))
