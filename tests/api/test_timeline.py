"""All that happened, newest first, page by page, and for a key only what its source told of."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from cdp import timeline
from cdp.ingest.accept import accept
from cdp.models import Event
from tests import builders
from tests.api.conftest import NOW
from tests.api.world import a_world

HERE = "/api/v1/members/crm_id:1001/timeline"


@pytest.fixture
def member() -> int:
    return a_world()


def read(client, query=""):
    response = client.get(HERE + query)
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def test_every_room_says_what_it_knows_and_the_newest_comes_first(partner, member):
    page = read(partner("members", "members:all"))

    assert [(item["kind"], item["at"]) for item in page["items"]] == [
        ("consent", "2026-03-01T04:00:00Z"),
        ("enrolment", "2026-03-01T04:00:00Z"),
        ("message", "2026-03-01T04:00:00Z"),
        ("placement", "2026-03-01T04:00:00Z"),
        ("placement", "2026-03-01T04:00:00Z"),
        ("points", "2026-03-01T04:00:00Z"),
        ("refund", "2026-02-22T02:00:00Z"),
        ("order", "2026-02-20T02:00:00Z"),
        ("points", "2026-02-20T02:00:00Z"),
        ("event", "2026-02-20T01:00:00Z"),
    ]
    bodies = {item["kind"]: item["body"] for item in page["items"]}
    assert bodies["order"] == {
        "id": "A1", "amount": 9800, "refunded": 4900, "currency": "CNY", "channel": "", "store": "",
    }  # fmt: skip
    assert bodies["refund"] == {"id": "R1", "order_id": "A1", "amount": 4900, "currency": "CNY"}
    assert bodies["event"] == {"id": "E1", "type": "search", "properties": {}}
    assert [item["body"]["points"] for item in page["items"] if item["kind"] == "points"] == ["20.50", "98.00"]
    assert bodies["points"]["origin"] == "earn:main"
    message = bodies["message"]
    assert (message["template"], message["channel"], message["state"]) == ("win-back", "sms", "ready")
    assert bodies["consent"]["state"] == "granted"
    assert (bodies["enrolment"]["journey"], bodies["enrolment"]["version"]) == ("win-back", 1)
    assert page["next"] is None


def test_a_key_of_a_source_is_shown_what_its_source_told_of(partner, member):
    row = {
        "id": "T1", "identities": ["crm_id:1001"], "placed_at": "2026-02-25T10:00:00+08:00", "amount": 5, "currency": "CNY",
    }  # fmt: skip
    accept("orders", [row], source="till", now=NOW)

    shop, till = (read(partner("members", source=source))["items"] for source in ("shop", "till"))

    assert [(item["kind"], item["body"]["id"]) for item in shop] == [("refund", "R1"), ("order", "A1"), ("event", "E1")]
    assert [(item["kind"], item["body"]["id"]) for item in till] == [("order", "T1")]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_make_the_whole_also_where_much_happened_at_one_instant(partner, member, limit):
    for n in range(6):
        builders.an_event(member, "browse", NOW - timedelta(minutes=n // 3), now=NOW)
    client, cursor, found = partner("members", "members:all"), "", []
    whole = read(client)["items"]
    assert len(whole) == 16

    while cursor is not None:
        page = read(client, f"?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]

    assert found == whole


def test_a_cursor_of_another_list_is_refused(partner, member):
    client = partner("members", "members:all")
    cursor = read(client, "?limit=1")["next"]

    for other in (cursor + "x", cursor[1:], "x"):
        response = client.get(f"{HERE}?cursor={other}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "wrong_cursor")
    assert partner("members", "members:all").get(f"{HERE}?cursor={cursor}").status_code == 400


def test_our_own_events_are_in_it_as_what_they_tell_of(partner, member):
    assert Event.objects.filter(source__code="huitou", member=member).exists()

    kinds = [item["body"].get("type") for item in read(partner("members", "members:all"))["items"]]

    assert not [kind for kind in kinds if kind and "." in kind]


@pytest.mark.parametrize("kind", sorted(timeline.STRANDS))
def test_a_page_is_index_look_ups(member, kind):
    """Where a plan could do without a scan of the table, it does: every strand has its member's index."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    plan = timeline._next(timeline.STRANDS.get(kind), member, None, timeline.Position(NOW, "zzz", 1), 10).explain()

    table = timeline.STRANDS.get(kind).rows(member).model._meta.db_table
    assert f"on {table}" in plan
    assert not [line for line in plan.splitlines() if f"Seq Scan on {table}" in line], plan
