"""The review of possible duplicates in a real browser: both side by side, decided by a button, in both languages."""

from __future__ import annotations

import pytest
from django.urls import reverse

from cdp.models import MergeCandidate
from tests.browser.conftest import shot
from tests.builders import absorbed, at
from tests.cdp.persons import a_rule, a_source, event, order, pairs, send, tell

pytestmark = pytest.mark.django_db(transaction=True)
PHONE, MAIL = "phone:13900000001", "email:li@example.com"


@pytest.fixture
def household():
    a_source("shop")
    a_source("crm", "trusted")
    a_rule("email", strength="weak", cap=2)
    tell(["crm_id:88001", PHONE, "device@kiosk:K1"], name="李雷", birthday="1990-05-01")
    tell(["crm_id:88002", PHONE, "device@kiosk:K1"], name="李蕾", birthday="1990-05-01")
    tell(["pos_card:66600012"], name="李雷", source="shop")
    send("orders", order("A1", PHONE, "pos_card:66600012", amount=12900), order("A2", "crm_id:88002"), source="shop")
    send("events", event("E1", "device@web:D9"), source="shop")
    absorbed(now=at("2017-10-02 12:00"))


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_two_are_looked_at_and_kept_apart_or_joined(household, look, locale, live_server):
    page = look(locale)
    first = MergeCandidate.objects.order_by("-score").first()

    page.goto(live_server.url + reverse("admin:cdp_mergecandidate_changelist"))
    shot(page, f"duplicates-{locale}")
    page.click(f'a[href*="/mergecandidate/{first.pk}/"]')
    shot(page, f"duplicate-{locale}")
    assert page.locator("section.h-card").count() == 3
    page.click('button[value="join"]')
    page.wait_for_selector("#result_list")
    shot(page, f"duplicates-after-{locale}")
    for name in ("source", "identityrule", "parked", "order"):
        page.goto(live_server.url + reverse(f"admin:cdp_{name}_changelist"))
        shot(page, f"{name}-{locale}")
    page.goto(live_server.url + reverse("admin:cdp_identityrule_add"))
    shot(page, f"identityrule-add-{locale}")
    page.goto(live_server.url + reverse("admin:cdp_member_change", args=[first.low_id]))
    shot(page, f"member-{locale}")

    assert "joined" in [state for _low, _high, state in pairs()]
    assert page.complaints == []
