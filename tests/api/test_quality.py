"""A partner reads how good its own rows are; the same figures as `data_quality --json`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from cdp.ingest import log
from cdp.ingest.accept import accept
from tests.api.conftest import NOW
from tests.api.test_ingest import answer, order

URL = "/api/v1/metrics/quality"


@pytest.fixture(autouse=True)
def _came():
    accept("orders", [order(), order(id="A2", amount=-1)], source="shop", now=NOW, call=log.Call("api"))
    accept("orders", [order()], source="till", now=NOW, call=log.Call("api"))


def sources(response):
    assert response.status_code == 200, response.content
    return [one["source"] for one in answer(response)["sources"]]


def told(*arguments):
    out = io.StringIO()
    call_command("data_quality", *arguments, stdout=out)
    return out.getvalue()


def test_a_key_sees_its_own_source_with_numerators_denominators_and_meanings(partner):
    body = answer(partner("metrics").get(URL))

    assert (body["days"], body["first"], body["last"], body["newcomers"]) == (30, "2026-01-31", "2026-03-01", None)
    [shop] = body["sources"]
    assert shop["source"] == "shop"
    assert shop["validity"][0]["rejected"] == {"key": "rejected", "numerator": 1, "denominator": 2, "share": 0.5}
    completeness = next(one for one in body["definitions"] if one["figure"] == "completeness")
    assert (completeness["unit"], completeness["name"]) == ("share", {"zh": "完整性", "en": "completeness"})


def test_a_source_of_others_is_answered_as_one_that_there_is_not(partner):
    assert sources(partner("metrics").get(URL, {"source": "shop"})) == ["shop"]

    for client, source in (
        (partner("metrics"), "till"),
        (partner("metrics"), "nobody"),
        (partner("metrics", source=""), "shop"),
    ):
        response = client.get(URL, {"source": source})
        assert (response.status_code, answer(response)["code"]) == (404, "no_such_source")
    assert partner("metrics", source="").get(URL).status_code == 404


def test_with_admin_every_source_is_seen(partner):
    client = partner("metrics", "admin", source="")

    assert sources(client.get(URL)) == ["shop", "till"]
    assert sources(client.get(URL, {"source": "till"})) == ["till"]
    assert client.get(URL, {"source": "nobody"}).status_code == 404


@pytest.mark.parametrize("days", ["0", "367", "-1", "1.5", "１", "x", "", "9" * 400])
def test_days_that_are_none_are_refused(partner, days):
    response = partner("metrics").get(URL, {"days": days})

    assert (response.status_code, answer(response)["errors"][0]["path"]) == (400, "days")


def test_days_are_those_of_the_brand_up_to_today(partner):
    body = answer(partner("metrics").get(URL, {"days": "1"}))

    assert (body["first"], body["last"], len(body["sources"][0]["volume"][0]["days"])) == (
        "2026-03-01",
        "2026-03-01",
        1,
    )


def test_quality_needs_its_scope(partner):
    assert partner("ingest").get(URL).status_code == 403


def test_the_command_says_the_same_as_the_api(partner):
    assert json.loads(told("--json", "--source", "shop")) == answer(partner("metrics").get(URL))
    assert [one["source"] for one in json.loads(told("--json"))["sources"]] == ["shop", "till"]
    assert json.loads(told("--json", "--as-of", "2026-02-01T00:00:00+08:00"))["sources"][0]["last_at"] is None


def test_the_command_is_read_by_people(partner):
    text = told("--days", "7")

    assert "2026-02-23 至 2026-03-01" in text
    assert "订单: 2 条：新增 1，重复 0，拒绝 1" in text
    assert "数值超出范围: 50.0%  1 / 2" in text


@pytest.mark.parametrize("arguments", [("--source", "nobody"), ("--days", "0"), ("--as-of", "2026-03-01")])
def test_the_command_refuses_what_there_is_not(arguments):
    with pytest.raises(CommandError):
        told(*arguments)


def test_the_document_describes_the_figures_with_examples(client):
    document = json.loads(client.get("/api/v1/schema/?format=json").content)

    call = document["paths"][URL]["get"]
    assert {p["name"] for p in call["parameters"]} >= {"source", "days"}
    assert document["components"]["schemas"]["Share"]["properties"]["numerator"]["examples"] == [812]
