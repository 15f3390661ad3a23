"""Segments over the API: made, previewed, filled, read in pages, and only by keys that see everybody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdp import judging
from cdp.models import MemberTag, Segment
from tests.api.world import NOW, a_world
from tests.builders import a_member

HERE = "/api/v1/segments"
BOUGHT = {"field": "orders", "op": ">=", "value": 1}
BUYERS = {"key": "buyers", "name": "买过的", "name_en": "Buyers", "condition": BOUGHT}


@pytest.fixture
def client(partner):
    return partner("segments", "members:all")


def test_a_segment_is_made_filled_read_changed_and_removed(client):
    member = a_world()

    made = client.post(HERE, BUYERS, format="json")
    assert (made.status_code, made.json()["sentence"]["en"], made.json()["judged_at"]) == (
        201,
        "orders at least 1",
        None,
    )

    judging.judge(now=NOW)
    assert client.get(f"{HERE}/buyers/members").json() == {
        "items": [{"member": member, "since": "2026-03-01T04:00:00Z"}],
        "next": None,
    }
    assert client.get(HERE).json()["items"][0]["members"] == 1

    changed = {"name": "买过的", "condition": BOUGHT | {"value": 5}}
    assert client.put(f"{HERE}/buyers", changed, format="json").json()["judged_at"] is None
    judging.judge(now=NOW)
    assert client.get(f"{HERE}/buyers/members").json()["items"] == []

    assert client.delete(f"{HERE}/buyers").status_code == 200
    assert client.get(f"{HERE}/buyers").status_code == 404


def test_a_preview_says_how_many_and_of_which_part(client):
    member = a_world()
    a_member()
    condition = {"all": [BOUGHT, {"not": {"field": "orders", "op": ">=", "value": 2}}]}

    body = client.post(f"{HERE}/preview", {"condition": condition}, format="json").json()

    assert (body["count"], body["total"], body["sample"], body["historical"]) == (1, 2, [member], True)
    assert [(part["path"], part["count"]) for part in body["parts"]] == [
        ("", 1), ("all[0]", 1), ("all[1]", 2), ("all[1].not", 0),
    ]  # fmt: skip
    assert body["sentence"]["en"] == "orders at least 1 and not (orders at least 2)"


@pytest.mark.parametrize(
    ("more", "path", "code"),
    [
        ({"condition": {"all": []}}, "condition.all", "empty_group"),
        ({"condition": {"segment": "buyers"}}, "condition.segment", "unknown_segment"),
        ({"key": "买过的"}, "key", "wrong_form"),
        ({"key": "preview"}, "key", "taken"),
        ({"name": "a\u202eb"}, "name", "turned_text"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(client, more, path, code):
    response = client.post(HERE, BUYERS | more, format="json")

    assert (response.status_code, [(e["path"], e["code"]) for e in response.json()["errors"]]) == (400, [(path, code)])
    assert not Segment.objects.exists()


def test_a_fixed_list_takes_members_by_name_and_others_do_not(client):
    member = a_world()
    client.post(HERE, BUYERS | {"condition": None}, format="json")
    client.post(HERE, BUYERS | {"key": "others", "condition": {"not": {"segment": "buyers"}}}, format="json")

    put = client.post(f"{HERE}/buyers/members", {"add": ["crm_id:1001", "crm_id:nobody"]}, format="json")
    assert put.json() == {"added": 1, "removed": 0, "unknown": ["crm_id:nobody"]}
    assert client.post(f"{HERE}/buyers/members", {"remove": [str(member)]}, format="json").json()["removed"] == 1

    assert client.post(f"{HERE}/others/members", {"add": ["crm_id:1001"]}, format="json").status_code == 422
    assert client.delete(f"{HERE}/buyers").json()["code"] == "in_use"


def test_only_a_key_that_sees_everybody_may_count_them(partner):
    for client in (partner("segments"), partner("members", "members:all")):
        assert client.get(HERE).status_code == 403
        assert client.post(f"{HERE}/preview", {"condition": BOUGHT}, format="json").status_code == 403


def test_tags_are_given_and_taken_with_a_member(partner):
    a_world()
    client, end = partner("members"), NOW + timedelta(days=7)

    def say(tags):
        return client.patch("/api/v1/members/crm_id:1001", {"tags": tags}, format="json")

    assert say({"identity:vip": True, "preference: 茶": {"expires_at": end.isoformat()}}).json()["tags"] == [
        "identity:vip",
        "preference:茶",
    ]
    assert MemberTag.objects.get(tag__name="茶").expires_at == end
    assert say({"identity:vip": None}).json()["tags"] == ["preference:茶"]

    assert say({"vip": True}).json()["errors"][0]["code"] == "invalid_tag"
    assert say({"identity:vip": {"expires_at": NOW.isoformat()}}).json()["errors"][0]["code"] == "out_of_range"
