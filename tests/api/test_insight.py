"""A partner with the right to see everybody reads what the members are like; the same figures as `manage.py insight`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from tests.api.test_ingest import answer
from tests.builders import a_member, an_event, an_order

URL = "/api/v1/insight"
PATHS = ("", "/rfm", "/tgi", "/cohorts", "/intervals", "/second-purchase", "/path", "/overlap")


@pytest.fixture(autouse=True)
def _came():
    """Two who bought, one of them twice, and one who only browsed."""
    for days in (["2026-02-01", "2026-02-11"], ["2026-02-20"]):
        member = a_member()
        for day in days:
            an_order(member, day, 1000, items=[{"sku": "tea", "quantity": 1, "amount": 1000, "category": ["tea"]}])
    an_event(a_member(), "browse", "2026-02-25")


@pytest.fixture
def insight(partner):
    def ask(path="", **query):
        response = partner("metrics", "members:all").get(URL + path, query)
        assert response.status_code == 200, response.content
        return answer(response)

    return ask


def test_the_overview_is_what_the_command_prints(insight):
    out = io.StringIO()
    call_command("insight", "--json", stdout=out)

    found = insight()

    assert found == json.loads(out.getvalue())
    assert set(found) == {
        "as_of",
        "members",
        "buyers",
        "base_interval_days",
        "repeat_rate",
        "stages",
        "value_tiers",
        "rfm",
        "revenue_shares",
        "cohorts",
    }
    assert (found["members"], found["buyers"], found["base_interval_days"], found["repeat_rate"]) == (3, 2, 10, 0.5)
    assert found["rfm"]["cuts"]["monetary"] == [1000, 1000, 2000, 2000]
    assert found["cohorts"] == [{"month": "2026-02", "size": 2, "retained": [2, 0]}]


def test_of_a_segment_and_of_the_past(insight):
    assert insight(segment="stage:new")["members"] == 1
    assert insight(as_of="2026-02-15T00:00:00+08:00")["buyers"] == 1
    assert insight("/cohorts", segment="stage:first_purchase")["cohorts"] == [
        {"month": "2026-02", "size": 1, "retained": [1, 0]}
    ]


def test_each_picture_has_a_call(insight):
    assert [cell["members"] for cell in insight("/rfm")["cells"]] == [1, 1]
    [tea] = insight("/tgi", segment="stage:first_purchase", traits="category")["traits"]
    assert (tea["trait"], tea["segment"]["share"], round(tea["tgi"]), tea["mark"]) == ("tea", 1.0, 150, "few")
    assert insight("/intervals", category="tea")["ranges"][2] == {"low": 8, "high": 14, "count": 1}
    assert [step["members"] for step in insight("/second-purchase")["steps"]][:2] == [2, 1]
    assert [step["members"] for step in insight("/path", steps="browse,order", days=7)["steps"]] == [1, 0]
    assert insight("/overlap", segments="stage:new,value_tier:base")["pairs"][0]["both"] == 1


def test_a_segment_in_one_document(partner):
    client = partner("segments", "members:all")

    found = answer(client.get("/api/v1/segments/stage:first_purchase/insight"))

    assert (found["segment"], found["members"], found["spread"]["stages"]["first_purchase"]) == (
        "stage:first_purchase",
        1,
        1,
    )
    refused = client.get("/api/v1/segments/nobody/insight")
    assert (refused.status_code, answer(refused)["code"]) == (404, "no_such_segment")


@pytest.mark.parametrize("path", PATHS)
def test_the_figures_are_of_everybody_so_a_key_of_one_source_has_none(partner, path):
    assert partner("metrics").get(URL + path).status_code == 403
    assert partner("members", "members:all").get(URL + path).status_code == 403


@pytest.mark.parametrize(
    ("path", "query", "fault"),
    [
        ("", {"as_of": "2026-03-02T00:00:00+08:00"}, ("as_of", "future")),
        ("", {"as_of": "2026-02-01T00:00:00"}, ("as_of", "invalid_time")),
        ("", {"as_of": "2026-02-30T00:00:00+08:00"}, ("as_of", "invalid_time")),
        ("", {"as_of": "0001-01-01T00:00:00+08:00"}, ("as_of", "invalid_time")),
        ("/cohorts", {"segment": "nobody"}, ("segment", "unknown_value")),
        ("/tgi", {"base": "stage:asleep"}, ("base", "unknown_value")),
        ("/tgi", {"traits": "tag,shoes"}, ("traits", "unknown_value")),
        ("/overlap", {"segments": "stage:new"}, ("segments", "unknown_value")),
        ("/path", {"steps": "browse"}, ("steps", "wrong_form")),
        ("/path", {"days": "0"}, ("days", "wrong_form")),
        ("/path", {"days": "１"}, ("days", "wrong_form")),
        ("/rfm", {"who": "all"}, ("who", "unknown_parameter")),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_path(partner, path, query, fault):
    response = partner("metrics", "members:all").get(URL + path, query)

    assert response.status_code == 400
    assert [(one["path"], one["code"]) for one in answer(response)["errors"]] == [fault]
