"""A journey's enrolments, page by page: each once, only those the key may see, and no cursor but our own."""

from __future__ import annotations

import json

import pytest
from django.core import signing

from automation.models import Enrolment
from cdp import identity
from cdp.models import Source
from tests.automation.results.builders import a_journey, a_member, an_enrolment, day

URL = "/api/v1/journeys/win-back/enrolments"


@pytest.fixture
def enrolled() -> list[int]:
    """Seven, three of them at the same instant."""
    version = a_journey()
    rows = [an_enrolment(version, a_member(), day(n)) for n in (3, 1, 1, 1, 2, 0, 4)]
    return [row.pk for row in sorted(rows, key=lambda row: (row.enrolled_at, row.pk))]


def get(client, **query):
    response = client.get(URL, query)
    return response.status_code, json.loads(response.content)


def pages(client, limit):
    _status, body = get(client, limit=limit)
    yield [item["id"] for item in body["items"]]
    while body["next"]:
        _status, body = get(client, limit=limit, cursor=body["next"])
        yield [item["id"] for item in body["items"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 10**9])
def test_every_row_is_on_one_page_in_order(partner, enrolled, limit):
    found = list(pages(partner("journeys", "members:all"), limit))

    assert [pk for page in found for pk in page] == enrolled
    assert all(len(page) == limit for page in found[:-1])


def test_an_item_says_where_the_member_stands(partner, enrolled):
    _status, body = get(partner("journeys", "members:all"), limit=1)

    row = Enrolment.objects.get(pk=enrolled[0])
    assert body["items"] == [
        {
            "id": row.pk, "member": row.member_id, "version": 1, "state": "done", "step": "",
            "enrolled_at": "2017-10-01T14:00:00Z", "due_at": None, "closes_at": "2017-10-15T14:00:00Z",
            "closed_at": "2017-10-15T14:00:00Z", "reason": "",
        }
    ]  # fmt: skip


def test_a_key_sees_the_members_of_its_source_only(partner, enrolled):
    seen = Enrolment.objects.get(pk=enrolled[3])
    till = Source.objects.create(code="till", name="till")
    key = identity.parse("crm_id:1")
    identity.claim({key: seen.member_id}, source=till, now=day(0))

    assert list(pages(partner("journeys", source="till"), 10)) == [[seen.pk]]
    assert list(pages(partner("journeys", source="shop"), 10)) == [[]]
    assert partner("metrics").get(URL).status_code == 403


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ({"limit": "0"}, "limit", "wrong_form"),
        ({"limit": "-1"}, "limit", "wrong_form"),
        ({"limit": "1_0"}, "limit", "wrong_form"),
        ({"limit": "１０"}, "limit", "wrong_form"),
        ({"limit": "9" * 5000}, "limit", "wrong_form"),
        ({"limit": ["1", "2"]}, "limit", "wrong_form"),
        ({"cursor": ""}, "cursor", "wrong_cursor"),
        ({"cursor": "x"}, "cursor", "wrong_cursor"),
        ({"cursor": "\0"}, "cursor", "wrong_form"),
        ({"cursor": signing.dumps([1, 2])}, "cursor", "wrong_cursor"),
        ({"offset": "-1"}, "offset", "unknown_parameter"),
        ({"ordering": "password"}, "ordering", "unknown_parameter"),
        ({"member__attributes__phone__startswith": "1"}, "member__attributes__phone__startswith", "unknown_parameter"),
    ],
)
def test_what_is_no_page_is_refused(partner, enrolled, query, path, code):
    status, body = get(partner("journeys"), **query)

    assert (status, [(e["path"], e["code"]) for e in body["errors"]]) == (400, [(path, code)])


def test_a_cursor_is_good_for_its_partner_and_its_list_only(partner, enrolled):
    mine, other = partner("journeys", "members:all"), partner("journeys", "members:all")
    a_journey("second")
    cursor = get(mine, limit=1)[1]["next"]

    assert get(other, cursor=cursor)[0] == 400
    assert mine.get("/api/v1/journeys/second/enrolments", {"cursor": cursor}).status_code == 400
    assert get(mine, cursor=cursor[:-1] + ("a" if cursor[-1] != "a" else "b"))[0] == 400


def test_an_unknown_journey_is_404(partner):
    assert get(partner("journeys"))[0] == 404
