"""Segments and tag rules in the admin: made, refused beside their fields, previewed, shown with their sizes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from cdp import judging
from cdp.models import Segment, TagRule
from config.ground import clock
from tests.builders import a_member, absorbed, an_order

pytestmark = pytest.mark.django_db
BOUGHT = {"field": "orders", "op": ">=", "value": 1}
ADD = "/admin/cdp/segment/add/"


def fill(client, **more):
    given = {"key": "buyers", "name": "买过的", "name_en": "Buyers", "condition": json.dumps(BOUGHT)} | more
    return client.post(ADD, given)


def test_a_segment_is_made_and_shown_with_its_size_and_members(admin_client):
    now = clock.now()
    buyer = a_member()
    a_member(name="看客")
    an_order(buyer, now - timedelta(days=1), now=now)
    absorbed(now=now)

    assert fill(admin_client).status_code == 302
    judging.judge(now=now)
    segment = Segment.objects.get()

    listed = admin_client.get(reverse("admin:cdp_segment_changelist")).content.decode()
    page = admin_client.get(reverse("admin:cdp_segment_change", args=[segment.pk])).content.decode()
    members = admin_client.get(reverse("admin:cdp_member_changelist"), {"segment": "buyers"}).content.decode()

    assert '?segment=buyers">1</a>' in listed
    assert ["<svg" in page, "data-vocabulary" in page, "huitou/conditions.js" in page] == [True, True, True]
    assert (f"#{buyer}" in members, "看客" in members) == (True, False)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"condition": json.dumps({"all": []})}, "condition"),
        ({"condition": "{"}, "condition"),
        ({"condition": json.dumps({"segment": "buyers"})}, "condition"),
        ({"key": "A b"}, "key"),
        ({"key": "preview"}, "key"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(admin_client, more, field):
    response = fill(admin_client, **more)

    assert (response.status_code, list(response.context["adminform"].form.errors)) == (200, [field])
    assert not Segment.objects.exists()


def test_a_circle_is_said_and_not_a_crash(admin_client):
    fill(admin_client)
    fill(admin_client, key="second", condition=json.dumps({"segment": "buyers"}))
    first = Segment.objects.get(key="buyers")
    url = reverse("admin:cdp_segment_change", args=[first.pk])

    given = {"name": "买过的", "name_en": "", "condition": json.dumps({"segment": "second"})}
    response = admin_client.post(url, given)

    assert (response.status_code, list(response.context["adminform"].form.errors)) == (200, ["condition"])
    first.refresh_from_db()
    assert first.condition == BOUGHT


def test_the_form_asks_for_sentence_and_count(admin_client):
    a_member()
    url = reverse("admin:cdp_segment_preview")

    def ask(body):
        return admin_client.post(url, body, content_type="application/json").json()

    said = ask(json.dumps({"not": BOUGHT}))
    assert (said["count"], said["total"]) == (1, 1)
    assert ask("{")["faults"] and ask(json.dumps({"any": []}))["faults"]


def test_a_tag_rule_is_made_changed_and_removed(admin_client):
    given = {"tagged": "behaviour:买过", "condition": json.dumps(BOUGHT)}
    url = reverse("admin:cdp_tagrule_add")

    assert admin_client.post(url, given).status_code == 302
    assert admin_client.post(url, given).context["adminform"].form.errors.keys() == {"tagged"}
    assert admin_client.post(url, given | {"tagged": "买过"}).context["adminform"].form.errors.keys() == {"tagged"}

    rule = TagRule.objects.get()
    change = reverse("admin:cdp_tagrule_change", args=[rule.pk])
    assert admin_client.post(change, {"condition": json.dumps(BOUGHT | {"value": 2})}).status_code == 302
    assert TagRule.objects.get().condition["value"] == 2
    assert admin_client.post(reverse("admin:cdp_tagrule_delete", args=[rule.pk]), {"post": "yes"}).status_code == 302
    assert not TagRule.objects.exists()


def test_one_that_is_asked_for_stays_and_says_so(admin_client):
    fill(admin_client)
    fill(admin_client, key="second", condition=json.dumps({"segment": "buyers"}))
    url = reverse("admin:cdp_segment_delete", args=[Segment.objects.get(key="buyers").pk])

    admin_client.post(url, {"post": "yes"})

    assert Segment.objects.filter(key="buyers").exists()
