"""A partner reads what a journey caused."""

from __future__ import annotations

import json

import pytest

from automation.results.attribution import credit
from config.ground.models import Brand
from tests.automation.results.builders import NOW, a_journey, a_member, a_message, an_enrolment, an_order, day


@pytest.fixture(autouse=True)
def _ran():
    """Four treated, of whom one bought after a message; one held out, who did not; one whose window is open."""
    Brand.objects.update(clock_at=NOW, currency="CNY")
    version = a_journey()
    for number in range(4):
        member = a_member()
        a_message(an_enrolment(version, member, day(0)), day(1))
        if number == 0:
            credit([an_order(member, day(2), 1999).pk], now=NOW)
    an_enrolment(version, a_member(), day(0), held_out=True)
    an_enrolment(version, a_member(), day(60))


def test_a_journeys_metrics(partner):
    response = partner("metrics").get("/api/v1/journeys/win-back/metrics")

    assert response.status_code == 200
    body = json.loads(response.content)
    assert (body["journey"], body["version"], body["as_of"]) == ("win-back", 1, "2017-12-01T15:00:00Z")
    assert body["funnel"] == {
        "qualified": 6, "held_out": 1, "enrolled": 5, "left_before": 1, "not_reached": 0, "under_way": 0, "reached": 4,
        "delivered": 4, "converted": 1, "undelivered": 0, "opted_out": 0,
    }  # fmt: skip
    treated, held_out = body["arms"]["treated"], body["arms"]["held_out"]
    assert (treated["n"], treated["converted"], treated["rate"], treated["open"]) == (4, 1, 0.25, 1)
    assert (held_out["n"], held_out["converted"], held_out["rate"], held_out["open"]) == (1, 0, 0.0, 0)
    assert body["lift"]["value"] == 0.25
    assert [round(bound, 4) for bound in body["lift"]["ci"]] == [-0.5694, 0.6994]
    assert body["lift"]["verdict"] == "no_effect"
    assert body["lift"]["text"] == "No effect shown: the interval from -56.9 to +69.9 points contains zero."
    assert body["conversions"] == {"orders": 1, "amount": 1999, "currency": "CNY"}
    assert body["cost"] == {"amount": 20, "currency": "CNY", "segments": 4, "points": "0.00"}


def test_before_a_window_is_over_there_is_no_lift(partner):
    Brand.objects.update(clock_at=day(3))

    body = json.loads(partner("metrics").get("/api/v1/journeys/win-back/metrics").content)

    assert body["arms"]["treated"] == {"n": 0, "converted": 0, "rate": None, "ci": None, "open": 4}
    assert (body["lift"]["value"], body["lift"]["ci"], body["lift"]["verdict"]) == (None, None, "too_early")


def test_a_parameter_that_it_does_not_know_is_refused_by_name(partner):
    response = partner("metrics").get("/api/v1/journeys/win-back/metrics?from=2017-10-01&arm=treated")

    assert response.status_code == 400
    body = json.loads(response.content)
    assert body["code"] == "invalid"
    assert [(fault["path"], fault["code"]) for fault in body["errors"]] == [
        ("arm", "unknown_parameter"),
        ("from", "unknown_parameter"),
    ]


@pytest.mark.parametrize("key", ["no-such", "x" * 500, "_"])
def test_an_unknown_journey_is_404(partner, key):
    response = partner("metrics").get(f"/api/v1/journeys/{key}/metrics")

    assert (response.status_code, response.json()["code"]) == (404, "no_such_journey")


def test_metrics_need_their_scope(partner):
    response = partner("members").get("/api/v1/journeys/win-back/metrics")

    assert (response.status_code, response.json()["code"]) == (403, "wrong_scope")
