"""How conditions are written, and why one is true of a member, for whoever asks over the API."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from tests.api.world import a_world

EXPLAIN = "/api/v1/conditions/explain"
BOUGHT = {"did": "order", "within": "P30D"}


@pytest.fixture
def partner_of_everybody(partner):
    return partner("segments", "members:all")


def asked(client, **more):
    return client.post(EXPLAIN, {"member": "crm_id:1001", "condition": BOUGHT} | more, format="json")


def test_the_schema_is_one_and_knows_the_vocabulary(partner):
    body = partner("segments").get("/api/v1/conditions/schema").json()

    Draft202012Validator.check_schema(body)
    assert Draft202012Validator(body).is_valid(BOUGHT)
    assert not Draft202012Validator(body).is_valid(BOUGHT | {"within": "30 days"})
    assert body["vocabulary"]["limits"] == {"depth": 12, "predicates": 200, "text": 200, "number": 10**15, "days": 3660}


def test_a_condition_is_explained_of_a_member(partner_of_everybody):
    member = a_world()

    body = asked(partner_of_everybody).json()

    assert (body["member"], body["holds"], body["tree"]["actual"]["value"]) == (member, True, {"count": 1})
    assert body["tree"]["sentence"] == {"zh": "30 天内有订单", "en": "has an order within the last 30 days"}


def test_it_is_asked_as_of_any_instant(partner_of_everybody):
    a_world()

    assert asked(partner_of_everybody, as_of="2026-02-20T09:59:59+08:00").json()["holds"] is False
    assert asked(partner_of_everybody, as_of="9999-12-31T00:00:00Z").json()["errors"][0]["path"] == "as_of"


def test_a_wrong_condition_is_refused_with_the_path_of_each_fault(partner_of_everybody):
    a_world()

    response = asked(partner_of_everybody, condition={"all": [{"field": "colour", "op": "="}, {"any": []}]})

    assert response.status_code == 400
    errors = [(error["path"], error["code"]) for error in response.json()["errors"]]
    assert errors == [("condition.all[0].field", "unknown_field"), ("condition.all[1].any", "empty_group")]


def test_a_condition_of_an_event_is_explained_with_the_event(partner_of_everybody):
    a_world()
    condition = {"event": "price", "op": "<", "value": 9.5}

    assert asked(partner_of_everybody, condition=condition).json()["errors"][0]["code"] == "no_event"
    assert asked(partner_of_everybody, condition=condition, event={"price": 9.4}).json()["holds"] is True


def test_only_a_key_that_sees_everybody_is_told(partner):
    a_world()

    assert asked(partner("segments")).status_code == 403
    assert asked(partner("members", "members:all")).status_code == 403


def test_a_member_that_is_not_there_is_404(partner_of_everybody):
    a_world()

    assert asked(partner_of_everybody, member="crm_id:nobody").status_code == 404
