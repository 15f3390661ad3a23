"""An identity is seen in the clear by who may, who says why, and within reason; whoever it was stands in the audit trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from cdp import reveal
from cdp.models import EventType, Identity
from config.ground import crypto
from config.ground.models import Alarm, AuditRow
from tests.builders import a_member

pytestmark = pytest.mark.django_db

PHONE, SHOWN = "+8613800137000", "+86138****7000"
WHY = {"reason": "the courier asks for the number"}


@pytest.fixture
def member():
    return a_member(crm_id="crm-17", phone=PHONE, name="李雷")


@pytest.fixture
def phone(member):
    return Identity.objects.get(member=member, kind="phone")


@pytest.fixture
def clerk(client):
    """May look at members, and at nothing in the clear."""
    user = User.objects.create_user("wang", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_member", "view_identity"]))
    client.force_login(user)
    return client


@pytest.fixture
def agent(clerk):
    User.objects.get(username="wang").user_permissions.add(Permission.objects.get(codename="reveal_identity"))
    return clerk


def where(identity):
    return reverse("admin:cdp_identity_reveal", args=[identity.member_id, identity.pk])


def test_the_member_page_masks_and_offers_to_show_to_who_may_only(clerk, member, phone):
    page = reverse("admin:cdp_member_change", args=[member])

    text = clerk.get(page).content.decode()
    assert SHOWN in text and where(phone) not in text

    User.objects.get().user_permissions.add(Permission.objects.get(codename="reveal_identity"))
    text = clerk.get(page).content.decode()
    assert SHOWN in text and where(phone) in text and PHONE not in text


def test_without_the_permission_nothing_is_shown_and_nothing_is_noted(clerk, phone):
    assert clerk.post(where(phone), WHY).status_code == 403
    assert clerk.get(where(phone)).status_code == 403
    assert AuditRow.objects.count() == 0


def test_the_page_asks_why_and_shows_the_value_to_a_post_only(agent, phone):
    asked = agent.get(where(phone))
    assert SHOWN in asked.content.decode() and PHONE not in asked.content.decode()
    assert AuditRow.objects.count() == 0

    for nothing in ({}, {"reason": ""}, {"reason": "  a "}, {"reason": "x" * 201}):
        assert PHONE not in agent.post(where(phone), nothing).content.decode()
    assert AuditRow.objects.count() == 0

    told = agent.post(where(phone), WHY)
    assert PHONE in told.content.decode()
    assert "no-store" in told["Cache-Control"]
    (row,) = AuditRow.objects.all()
    assert (row.actor, row.action, row.subject) == ("admin:wang", "identity.revealed", f"member:{phone.member_id}")
    assert row.detail == {"identity": phone.pk, "kind": "phone", "reason": "the courier asks for the number"}
    assert PHONE not in agent.get(where(phone)).content.decode()


def test_a_forged_post_is_refused(agent, phone):
    agent.handler.enforce_csrf_checks = True

    assert agent.post(where(phone), WHY).status_code == 403
    assert AuditRow.objects.count() == 0


def test_another_members_identity_is_not_there(agent, phone):
    other = a_member(crm_id="crm-18")

    assert agent.post(reverse("admin:cdp_identity_reveal", args=[other, phone.pk]), WHY).status_code == 404


def test_what_cannot_be_opened_is_not_noted_as_seen(agent, phone, settings):
    Identity.objects.filter(pk=phone.pk).update(sealed=b"\2k9" + b"0" * 40)

    with pytest.raises(crypto.Unreadable):
        reveal.reveal(phone, reason="why", actor="admin:wang", now=timezone.now())
    assert AuditRow.objects.count() == 0


def test_more_than_one_person_needs_is_refused_and_rings(agent, phone, monkeypatch):
    monkeypatch.setattr(reveal, "AN_HOUR", 2)
    for _time in range(2):
        assert PHONE in agent.post(where(phone), WHY).content.decode()

    refused = agent.post(where(phone), WHY).content.decode()

    assert PHONE not in refused and "2" in refused
    assert AuditRow.objects.count() == 2
    assert Alarm.objects.get().subject == "reveal:admin:wang"
    assert reveal.reveal(phone, reason="why", actor="admin:li", now=timezone.now()) == PHONE

    with connection.cursor() as cursor:  # by the database's clock, wherever the brand's stands
        cursor.execute("UPDATE ground_auditrow SET recorded_at = recorded_at - %s", [timedelta(hours=1)])
    assert PHONE in agent.post(where(phone), WHY).content.decode()


def test_lists_and_search_stay_masked(agent, member):
    found = agent.get(reverse("admin:cdp_member_changelist"), {"q": "13800137000"}).content.decode()

    assert f"/{member}/change/" in found
    assert PHONE not in found.replace('value="13800137000"', "")


def test_an_event_type_is_declared_in_the_admin_with_an_audit_row(admin_client):
    add = reverse("admin:cdp_eventtype_add")
    said = {"code": "wish", "label": "心愿", "personal": "recipient, address", "retention_days": "90"}

    assert admin_client.post(add, said).status_code == 302

    kept = EventType.objects.get()
    assert (kept.label, kept.personal, kept.retention_days) == ("心愿", ["address", "recipient"], 90)
    change = reverse("admin:cdp_eventtype_change", args=[kept.pk])
    assert admin_client.post(change, said | {"code": "other", "personal": "recipient"}).status_code == 302
    kept.refresh_from_db()
    assert (kept.code, kept.personal) == ("wish", ["recipient"])
    assert list(AuditRow.objects.order_by("id").values_list("action", "subject")) == [
        ("event_type.declared", "event_type:wish"), ("event_type.declared", "event_type:wish"),
    ]  # fmt: skip
    refused = admin_client.post(add, said | {"code": "stage.entered"})
    assert (refused.status_code, EventType.objects.count()) == (200, 1)
    assert admin_client.post(reverse("admin:cdp_eventtype_delete", args=[kept.pk]), {"post": "yes"}).status_code == 403
