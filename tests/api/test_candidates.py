"""Pairs to be reviewed are read with their evidence, masked, by a key for administration only."""

from __future__ import annotations

import json

import pytest

from cdp.ingest.accept import accept
from cdp.models import Identity, MergeCandidate
from tests.api.conftest import NOW

PHONE = "phone:+8613900000001"


@pytest.fixture
def pairs():
    rows = [{"identities": [name]} for name in ("crm_id:1", PHONE, "crm_id:2", "email:li@example.com")]
    accept("members", rows, source="crm", now=NOW)
    for names in (["crm_id:1", PHONE], ["crm_id:2", "email:li@example.com"]):
        accept("members", [{"identities": names}], source="shop", now=NOW)
    return list(MergeCandidate.objects.order_by("pk"))


def get(client, query=""):
    response = client.get(f"/api/v1/members/candidates{query}")
    return response.status_code, json.loads(response.content)


def test_a_pair_is_shown_with_its_evidence_and_without_a_value(partner, pairs):
    status, body = get(partner("admin", "members:all", source=""), "?state=open&limit=1")

    first = pairs[0]
    number, phone = Identity.objects.get(member=first.low_id), Identity.objects.get(member=first.high_id)
    assert status == 200
    assert body["items"] == [{
        "id": first.pk, "members": [first.low_id, first.high_id], "state": "open", "score": 60, "source": "shop",
        "evidence": {
            "met": [
                {"identity": number.pk, "kind": "crm_id", "app": "", "value": "****", "names": first.low_id},
                {"identity": phone.pk, "kind": "phone", "app": "", "value": "+86139****0001", "names": first.high_id},
            ],
            "agree": [], "differ": [], "against": [],
        },
        "made_at": "2026-03-01T04:00:00Z", "decided_at": None, "decided_by": "",
    }]  # fmt: skip


def test_pairs_come_page_by_page(partner, pairs):
    client = partner("admin", "members:all", source="")
    _status, body = get(client, "?limit=1")

    status, rest = get(client, f"?limit=1&cursor={body['next']}")

    assert (status, rest["items"][0]["id"], rest["next"]) == (200, pairs[1].pk, None)
    assert get(client, "?state=joined") == (200, {"items": [], "next": None})


def test_an_unknown_state_and_another_scope_are_refused(partner, pairs):
    status, body = get(partner("admin", "members:all", source=""), "?state=maybe")

    assert (status, body["errors"][0]["path"], body["errors"][0]["code"]) == (400, "state", "unknown_value")
    assert get(partner("members"))[0] == 403


def test_who_told_of_an_identity_sees_its_member(partner):
    accept("members", [{"identities": ["crm_id:1", PHONE]}], source="crm", now=NOW)
    shop = partner("members")
    assert shop.get(f"/api/v1/members/{PHONE}").status_code == 404

    accept("members", [{"identities": [PHONE], "attributes": {"city": "上海"}}], source="shop", now=NOW)

    assert shop.get(f"/api/v1/members/{PHONE}").status_code == 200
    assert partner("members", source="crm").get("/api/v1/members/crm_id:1").status_code == 200
    assert partner("members", source="till").get("/api/v1/members/crm_id:1").status_code == 404
