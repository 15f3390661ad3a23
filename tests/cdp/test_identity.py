"""One identity names one member, also when two batches name a new person at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import identity, resolving
from cdp.errors import InvalidIdentity
from cdp.models import Identity, Member
from tests.builders import a_member, at
from tests.racing import somebody_waits

NOW = "2017-10-01"


def keys(*texts):
    return [identity.parse(text) for text in texts]


def resolve(*rows):
    with transaction.atomic():
        found = resolving.resolve([keys(*row) for row in rows], now=at(NOW))
    return found.members, found.fresh


@pytest.mark.parametrize(
    ("text", "kind", "app", "value"),
    [
        ("phone:139 0000 0001", "phone", "", "+8613900000001"),
        ("phone:+86-139-0000-0001", "phone", "", "+8613900000001"),
        ("phone:１３９００００００01", "phone", "", "+8613900000001"),
        ("phone:+12125550123", "phone", "", "+12125550123"),
        ("email:Li.Lei@Example.COM", "email", "", "li.lei@example.com"),
        ("wechat_openid@wx1:oAbC", "wechat_openid", "wx1", "oAbC"),
        ("crm_id: 17 ", "crm_id", "", "17"),
    ],
)
def test_an_identity_is_normalised(text, kind, app, value):
    assert identity.parse(text) == identity.Key(kind, app, value)


@pytest.mark.parametrize(
    "text",
    ["", "17", "crm_id:", "crm_id:  ", "passport:1", "phone:12", "phone:abc", "phone:139secret", "phone:13900000001 ext 5", "email:nobody", "email:a b@c.de", "wechat_openid:o1", "crm_id@wx1:17", "crm_id:a\nb", "crm_id:" + "x" * 201],
)  # fmt: skip
def test_what_cannot_be_an_identity_is_refused(text):
    with pytest.raises(InvalidIdentity):
        identity.parse(text)


def test_a_key_does_not_show_its_value():
    assert repr(identity.parse("phone:13900000001")) == "Key(phone@)"


@pytest.mark.django_db
def test_a_value_is_sealed_and_found_again():
    member = a_member(phone="13900000001")

    row = Identity.objects.get(kind="phone")
    assert b"139" not in bytes(row.sealed) + bytes(row.blind)
    assert identity.find("phone", "139-0000-0001") == member
    assert identity.find("phone", "13900000002") is None
    assert identity.addresses([member], "phone") == {member: "+8613900000001"}


@pytest.mark.django_db
def test_the_newest_address_is_used():
    member = a_member(crm_id="1", phone="13900000001")
    resolve(["crm_id:1", "phone:13900000002"])

    assert identity.addresses([member], "phone") == {member: "+8613900000002"}


@pytest.mark.django_db
def test_rows_of_a_batch_that_share_an_identity_are_one_person():
    members, fresh = resolve(
        ["crm_id:1", "phone:13900000001"], ["phone:13900000001", "email:a@b.cn"], ["email:a@b.cn"], ["crm_id:2"], []
    )

    first, other = members[0], members[3]
    assert members == [first, first, first, other, None]
    assert fresh == {first, other}
    assert Member.objects.count() == 2


@pytest.mark.django_db
def test_a_row_that_names_two_members_goes_to_its_strongest_and_joins_nobody():
    strong, weak = a_member(crm_id="1"), a_member(crm_id="2", phone="13900000001")

    members, fresh = resolve(["phone:13900000001", "crm_id:1", "email:new@b.cn"])

    assert (members, fresh) == ([strong], set())
    assert identity.find("phone", "13900000001") == weak
    assert identity.find("email", "new@b.cn") == strong


@pytest.mark.django_db
def test_the_same_openid_of_two_apps_is_two_identities():
    members, _fresh = resolve(["wechat_openid@wx1:o1"], ["wechat_openid@wx2:o1"])

    assert members[0] != members[1]


@pytest.mark.django_db
def test_the_table_refuses_a_second_owner():
    row = Identity.objects.get(member=a_member(crm_id="1"))

    with pytest.raises(IntegrityError, match="one_identity_names_one_member"), transaction.atomic():
        Identity.objects.create(
            member_id=a_member(),
            kind=row.kind,
            app=row.app,
            blind=row.blind,
            blind_key=row.blind_key,
            sealed=row.sealed,
            created_at=at(NOW),
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["crm_id:1", "phone:13900000001"], ["crm_id:1", "phone:13900000001"]),
        (["crm_id:1", "phone:13900000001"], ["phone:13900000001", "email:a@b.cn"]),
        (["phone:13900000001", "email:a@b.cn"], ["crm_id:1", "phone:13900000001"]),
    ],
)
def test_two_batches_that_name_a_new_person_at_once_make_one_member(ours, theirs):
    """Theirs has inserted and not committed when ours looks: ours sees nobody, waits on the key, and follows the winner."""
    inserted, go_on = Signal(), Signal()

    def competitor():
        try:
            with transaction.atomic():
                named = resolve(theirs)
                inserted.set()
                go_on.wait(10)
            return named
        finally:
            connection.close()

    def us():
        try:
            return resolve(ours)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(competitor)
        inserted.wait(10)
        second = pool.submit(us)
        somebody_waits()
        go_on.set()
        (winner, made), (follower, none) = first.result(20), second.result(20)

    assert winner == follower
    assert (made, none) == (set(winner), set())
    assert list(Member.objects.values_list("pk", flat=True)) == winner
    assert set(Identity.objects.values_list("member_id", flat=True)) == set(winner)
    assert Identity.objects.count() == len({*ours, *theirs})
