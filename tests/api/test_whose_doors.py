"""Naming somebody in a row opens none of the doors to them: a key sees whom the rows of its source were about, by a strong identity."""

from __future__ import annotations

import pytest

from cdp import identity
from cdp.ingest.accept import accept
from cdp.models import Consent, Member, Source, Telling
from tests.api.conftest import NOW

PHONE, DEVICE = "phone:+8613900000001", "device@kiosk:D1"
WORD = {
    "channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-02-28T12:00:00+08:00", "evidence": "form 7",
}  # fmt: skip


@pytest.fixture
def victim() -> int:
    """Known to the CRM by a number, a phone and the device at which they once stood."""
    row = {"identities": ["crm_id:1", PHONE, DEVICE], "attributes": {"name": "王芳"}}
    assert accept("members", [row], source="crm", now=NOW).accepted == 1
    found = identity.find("crm_id", "1")
    assert found is not None
    return found


def order(*identities):
    return "orders", {
        "id": "A1", "identities": list(identities), "placed_at": "2026-02-26T10:00:00+08:00", "amount": 1999, "currency": "CNY",
    }  # fmt: skip


def event(*identities):
    return "events", {
        "id": "E1", "identities": list(identities), "type": "browse", "occurred_at": "2026-02-26T10:00:00+08:00",
    }  # fmt: skip


def member(*identities):
    return "members", {"identities": list(identities)}


def doors(partner, name, *, source="shop"):
    """What each door to a member answers."""
    client, here = partner("members", source=source), f"/api/v1/members/{name}"
    return {
        "get": client.get(here).status_code,
        "patch": client.patch(here, {"attributes": {"name": "somebody"}}, format="json").status_code,
        "consents": client.post(f"{here}/consents", WORD, format="json").status_code,
        "timeline": client.get(f"{here}/timeline").status_code,
        "export": client.get(f"{here}/export").status_code,
    }


SHUT = {"get": 404, "patch": 404, "consents": 404, "timeline": 404, "export": 403}
OPEN = {"get": 200, "patch": 200, "consents": 200, "timeline": 200, "export": 403}


@pytest.mark.parametrize("trust", ["untrusted", "known"])
@pytest.mark.parametrize(
    "row",
    [
        order("crm_id:mine", PHONE),
        order(DEVICE),
        event("crm_id:mine", PHONE),
        event(DEVICE),
        member("crm_id:mine", PHONE),
        member("crm_id:mine", DEVICE),
    ],
    ids=lambda row: f"{row[0]}-{'-'.join(name.partition(':')[0] for name in row[1]['identities'])}",
)
def test_a_row_about_somebody_else_or_with_what_people_share_opens_nothing(partner, victim, row, trust):
    Source.objects.create(code="shop", name="Shop", trust=trust)
    accept("members", [{"identities": ["crm_id:mine"]}], source="shop", now=NOW)

    answer = accept(row[0], [row[1]], source="shop", now=NOW)

    assert answer.rejected == []

    for name in (PHONE, "crm_id:1", str(victim)):
        assert doors(partner, name) == SHUT
    assert Member.objects.get(pk=victim).attributes == {"name": "王芳"}
    assert not Consent.objects.exists()
    assert not Telling.objects.exists()


@pytest.mark.parametrize("row", [order(PHONE), event(PHONE), member(PHONE), order("crm_id:1", PHONE)])
def test_an_untrusted_source_sees_nobody_by_a_row_about_whom_others_told_of(partner, victim, row):
    Source.objects.create(code="shop", name="Shop", trust="untrusted")

    accept(row[0], [row[1]], source="shop", now=NOW)

    assert doors(partner, PHONE) == doors(partner, str(victim)) == SHUT


def test_an_untrusted_source_sees_its_own_until_another_tells_of_them(partner):
    """Who names phones beforehand does not read what the brand comes to know of the people."""
    Source.objects.create(code="shop", name="Shop", trust="untrusted")
    accept("members", [{"identities": [PHONE]}], source="shop", now=NOW)
    assert doors(partner, PHONE) == OPEN

    accept("members", [{"identities": ["crm_id:1", PHONE]}], source="crm", now=NOW)

    assert doors(partner, PHONE) == SHUT
    assert doors(partner, PHONE, source="crm") == OPEN


@pytest.mark.parametrize("row", [order(PHONE), event(PHONE), member(PHONE), order("crm_id:1", PHONE)])
def test_a_source_of_the_brand_sees_whom_its_rows_are_about(partner, victim, row):
    Source.objects.create(code="shop", name="Shop", trust="known")

    accept(row[0], [row[1]], source="shop", now=NOW)

    assert doors(partner, PHONE) == doors(partner, str(victim)) == OPEN
