"""An operator's key joins two members and parts them again; who was merged away is answered as the one who stands."""

from __future__ import annotations

import json

import pytest

from cdp.models import Identity, Member, Merge, Order
from config.ground.models import AuditRow
from tests.api.conftest import NOW
from tests.builders import a_member, an_order

WHEN = "2026-03-01T04:00:00Z"


def post(client, call, body, **headers):
    response = client.post(
        f"/api/v1/members/{call}", json.dumps(body), content_type="application/json", headers=headers
    )
    return response.status_code, json.loads(response.content)


@pytest.fixture
def two():
    keep, drop = a_member(crm_id="1", phone="13900000001", now=NOW), a_member(crm_id="2", now=NOW)
    an_order(drop, "2026-02-01", 500)
    return keep, drop


def test_two_become_one_and_two_again(partner, two):
    keep, drop = two
    client = partner("admin", "members", "members:all")

    status, made = post(client, "merge", {"keep": "phone:13900000001", "drop": drop, "reason": "one person"})

    assert status == 200
    assert made == {
        "merge_id": Merge.objects.get().pk, "keep": keep, "drop": drop, "reason": "one person", "at": WHEN,
        "moved": {"identity": 1, "order": 1}, "undone_at": None,
    }  # fmt: skip
    answer = json.loads(client.get(f"/api/v1/members/{drop}").content)
    assert (answer["id"], answer["profile"]["orders"]) == (keep, 1)

    status, undone = post(client, "unmerge", {"merge_id": made["merge_id"]})

    assert (status, undone["undone_at"]) == (200, WHEN)
    assert Order.objects.get().member_id == drop
    actions = AuditRow.objects.filter(action__startswith="member.").order_by("pk")
    assert list(actions.values_list("action", "actor")) == [
        ("member.merge", "api:key 0"), ("member.unmerge", "api:key 0"),
    ]  # fmt: skip


def test_a_repeat_with_its_key_is_answered_the_same_and_without_one_they_are_one_already(partner, two):
    keep, drop = two
    client, body = partner("admin", "members:all"), {"keep": keep, "drop": drop, "reason": "one person"}
    key = {"Idempotency-Key": "k1"}

    first = post(client, "merge", body, **key)

    assert first[0] == 200
    assert post(client, "merge", body, **key) == first
    status, refused = post(client, "merge", body)
    assert (status, refused["code"]) == (409, "same")
    assert Merge.objects.count() == 1


def test_what_cannot_be_merged_or_parted_is_refused_by_name(partner, two):
    keep, drop = two
    third = a_member(crm_id="3", now=NOW)
    client = partner("admin", "members:all")
    _status, first = post(client, "merge", {"keep": keep, "drop": drop, "reason": "a"})
    _status, second = post(client, "merge", {"keep": third, "drop": keep, "reason": "b"})

    refusals = {
        (404, "no_such_member"): ("merge", {"keep": keep, "drop": 999_999, "reason": "a"}),
        (409, "same"): ("merge", {"keep": drop, "drop": third, "reason": "a"}),
        (404, "no_such_merge"): ("unmerge", {"merge_id": 999_999}),
        (409, "not_last"): ("unmerge", {"merge_id": first["merge_id"]}),
    }
    for expected, (call, body) in refusals.items():
        status, refused = post(client, call, body)
        assert (status, refused["code"]) == expected
    post(client, "unmerge", {"merge_id": second["merge_id"]})
    assert post(client, "unmerge", {"merge_id": second["merge_id"]})[1]["code"] == "undone"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"keep": 1, "drop": 2}, "reason"),
        ({"keep": 1, "drop": 2, "reason": ""}, "reason"),
        ({"keep": 1, "drop": 2, "reason": "a\0"}, "reason"),
        ({"keep": 0, "drop": 2, "reason": "a"}, "keep"),
        ({"keep": 1.5, "drop": 2, "reason": "a"}, "keep"),
        ({"keep": 1, "drop": 2**63, "reason": "a"}, "drop"),
        ({"keep": 1, "drop": None, "reason": "a"}, "drop"),
        ({"keep": 1, "drop": 2, "reason": "a", "force": True}, "force"),
    ],
)
def test_a_body_that_is_not_right_is_named(partner, body, path):
    status, refused = post(partner("admin", "members:all"), "merge", body)

    assert (status, refused["errors"][0]["path"]) == (400, path)


@pytest.mark.parametrize("name", ["", "x", "phone:abc", "crm_id:77", "9" * 40, "-1", "²"])
def test_a_name_of_nobody_is_404_and_never_echoed(partner, two, name):
    status, refused = post(partner("admin", "members:all"), "merge", {"keep": two[0], "drop": name, "reason": "a"})

    assert status == (404 if name else 400)
    assert not name or name not in refused["detail"]
    assert Member.objects.filter(merged_into__isnull=False).count() == 0


def test_only_the_scope_admin_may(partner, two):
    status, refused = post(partner("members", "members:all"), "merge", {"keep": two[0], "drop": two[1], "reason": "a"})

    assert (status, refused["code"]) == (403, "wrong_scope")
    assert Identity.objects.filter(member=two[0]).count() == 2


def test_a_partner_that_told_of_one_sees_the_one_who_stands(partner, two):
    keep, drop = two
    shop = partner("members", source="shop")
    post(partner("admin", "members:all"), "merge", {"keep": keep, "drop": drop, "reason": "a"})

    assert [json.loads(shop.get(f"/api/v1/members/{name}").content)["id"] for name in (drop, keep, "crm_id:2")] == [
        keep
    ] * 3
