"""A source says what a member is: by name, null removes, the same again changes nothing, and the trace has no value."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from cdp.models import FeedRow, Member
from config.ground.models import ApiKey, AuditRow
from tests import builders
from tests.api.world import NOW, a_world

HERE = "/api/v1/members/crm_id:1001"


@pytest.fixture
def member() -> int:
    return a_world()


def patch(client, attributes, **more):
    body = json.dumps({"attributes": attributes} | more, ensure_ascii=False)
    return client.generic("PATCH", HERE, body.encode(), content_type="application/json")


def known() -> dict:
    return Member.objects.get().attributes


def test_attributes_are_set_and_removed_and_the_others_stay(partner, member):
    response = patch(
        partner("members"), {"city": "杭州", "pets": ["2019"], "vip": True, "nickname": None, "none": None}
    )

    assert response.status_code == 200
    assert response.json()["attributes"] == known() == {
        "name": "王芳", "city": "杭州", "pets": ["2019"], "vip": True,
    }  # fmt: skip
    row = AuditRow.objects.get(action="member.described")
    assert (row.actor, row.subject) == (f"api:{ApiKey.objects.get().name}", f"member:{member}")
    assert row.detail == {"set": ["city", "pets", "vip"], "removed": ["nickname", "none"], "source": "shop"}
    assert "杭州" not in str(vars(row))
    assert [(r.reader, r.kind) for r in FeedRow.objects.filter(member=member)] == [("profile", "member")]


def test_the_same_again_changes_nothing_and_leaves_no_trace(partner, member):
    client = partner("members")
    patch(client, {"city": "杭州"})
    builders.absorbed(now=NOW)

    assert patch(client, {"city": "杭州", "never": None}).status_code == 200

    assert AuditRow.objects.filter(action="member.described").count() == 1
    assert FeedRow.objects.count() == 0


@pytest.mark.parametrize(
    ("attributes", "more", "path", "code"),
    [
        ({}, {}, "attributes", "wrong_length"),
        ({"a": {"b": 1}}, {}, "attributes.a", "wrong_type"),
        ({"a": [1]}, {}, "attributes.a[0]", "wrong_type"),
        ({"a": 10**19}, {}, "attributes.a", "out_of_range"),
        ({"a": "x\0"}, {}, "attributes.a", "nul"),
        ({"": "x"}, {}, "attributes", "wrong_length"),
        ({"name": "x" * 201}, {}, "attributes.name", "wrong_length"),
        ({"name": "\u200b\u200d"}, {}, "attributes.name", "invisible"),
        ({"name": "li\u202egnp.exe"}, {}, "attributes.name", "turned_text"),
        ({"n\u202e": 1}, {}, "attributes", "turned_text"),
        ({"a": ["ok", "\u2066"]}, {}, "attributes.a[1]", "turned_text"),
        ({"a": "\x1b[31m"}, {}, "attributes.a", "control_character"),
        ({"a": 1}, {"id": 5}, "id", "unknown_field"),
        ({"a": 1}, {"registered_at": None}, "registered_at", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_changed(partner, member, attributes, more, path, code):
    response = patch(partner("members"), attributes, **more)

    assert response.status_code == 400, response.content
    assert [(e["path"], e["code"]) for e in response.json()["errors"]] == [(path, code)]
    assert known() == {"name": "王芳", "nickname": "小王"}


def test_a_member_has_so_many_attributes_and_no_more(partner, member):
    client = partner("members")
    for n in range(2):
        assert patch(client, {f"a{n}-{m}": m for m in range(99)}).status_code == 200

    response = patch(client, {"one": 1, "two": 2})

    assert (response.status_code, response.json()["code"]) == (422, "too_many_attributes")
    assert len(known()) == 200
    assert patch(client, {"name": "李雷"}).status_code == 200


def test_another_sources_key_describes_nobody(partner, member):
    assert patch(partner("members", source="till"), {"city": "杭州"}).status_code == 404
    assert "city" not in known()


def test_a_member_and_its_trace_are_described_together(partner, member):
    client = partner("members")
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ground_auditrow ADD CONSTRAINT none CHECK (action <> 'member.described') NOT VALID")

    assert patch(client, {"city": "杭州"}).status_code == 500
    assert "city" not in known()
