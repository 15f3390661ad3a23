"""Who reviews sees both members and why; who may decide, decides; every change leaves its audit row."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from cdp import candidates
from cdp.admin.candidate import in_words
from cdp.models import IdentityRule, Member, Merge, MergeCandidate, Source
from config.ground.models import AuditRow
from tests.builders import at
from tests.cdp.persons import a_rule, a_source, order, pairs, send, tell, whose

pytestmark = pytest.mark.django_db
PHONE = "phone:13900000001"
LIST = reverse("admin:cdp_mergecandidate_changelist")


@pytest.fixture
def pair():
    a_source("shop")
    tell(["crm_id:1"], name="李雷", birthday="1990-05-01")
    tell(["crm_id:2", PHONE], name="李蕾", birthday="1990-05-01")
    send("orders", order("A1", "crm_id:1", PHONE), source="shop")
    return MergeCandidate.objects.get()


@pytest.fixture
def reader(client):
    user = User.objects.create_user("han", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_mergecandidate"))
    client.force_login(user)
    return client


def page(candidate):
    return reverse("admin:cdp_mergecandidate_change", args=[candidate.pk])


def test_the_list_is_of_few_statements_and_shows_no_value(admin_client, pair, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        text = admin_client.get(LIST).content.decode()

    assert "李雷" in text
    assert "13900000001" not in text


def test_both_are_side_by_side_with_the_evidence_in_words(admin_client, pair):
    text = admin_client.get(page(pair)).content.decode()

    assert all(shown in text for shown in ("李雷", "李蕾", "+86139****0001"))
    assert "13900000001" not in text
    assert (pair.score, len(in_words(pair))) == (
        27,
        5,
    )  # phone and birthday 80, another name a third less, two numbers half


def test_who_may_only_look_decides_nothing(reader, pair):
    assert 'name="decision"' not in reader.get(page(pair)).content.decode()

    assert reader.post(page(pair), {"decision": "join"}).status_code == 403
    assert reader.post(LIST, {"action": "join", "_selected_action": [pair.pk]}).status_code in (200, 302)
    assert (pairs(), Merge.objects.count()) == ([(pair.low_id, pair.high_id, "open")], 0)


@pytest.mark.parametrize(("decision", "state", "audited"), [("join", "joined", "candidate.joined"), ("apart", "dismissed", "candidate.dismissed")])  # fmt: skip
def test_a_decision_is_taken_on_the_page_and_leaves_its_row(admin_client, pair, decision, state, audited):
    assert admin_client.get(page(pair) + f"?decision={decision}").status_code == 200
    assert pairs() == [(pair.low_id, pair.high_id, "open")]

    assert admin_client.post(page(pair), {"decision": decision}).status_code == 302

    assert pairs() == [(pair.low_id, pair.high_id, state)]
    assert (whose("crm_id:2") == pair.low_id) is (decision == "join")
    assert AuditRow.objects.filter(action=audited, actor="admin:admin").count() == 1
    assert 'name="decision"' not in admin_client.get(page(pair)).content.decode()


def test_several_are_decided_from_the_list_and_one_that_was_decided_stops_none(admin_client, pair):
    tell(["crm_id:3"], ["email:a@b.cn"])
    send("orders", order("A2", "crm_id:3", "email:a@b.cn"), source="shop")
    candidates.dismiss(pair.pk, actor="admin:han", now=at("2017-10-02"))

    both = list(MergeCandidate.objects.values_list("pk", flat=True))
    answer = admin_client.post(LIST, {"action": "join", "_selected_action": both}, follow=True)

    assert [state for _low, _high, state in pairs()] == ["dismissed", "joined"]
    assert [said.level_tag for said in answer.context["messages"]] == ["error", "success"]


def test_a_pair_that_is_not_there_is_not_found(admin_client):
    for name in ("999", "x"):
        assert admin_client.get(reverse("admin:cdp_mergecandidate_change", args=[name])).status_code == 404


def test_trust_in_a_source_is_changed_with_an_audit_row(admin_client):
    source = a_source("shop")

    admin_client.post(reverse("admin:cdp_source_change", args=[source.pk]), {"trust": "trusted", "name": "other"})

    assert Source.objects.values_list("trust", "name").get() == ("trusted", "shop")
    row = AuditRow.objects.get(action="source.trusted")
    assert (row.actor, row.subject, row.detail) == (
        "admin:admin",
        "source:shop",
        {"before": "known", "after": "trusted"},
    )


def test_the_usual_terms_stand_where_they_are_changed(admin_client):
    text = admin_client.get(reverse("admin:cdp_identityrule_changelist"), headers={"Accept-Language": "en"}).content

    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", text.decode())]
    assert ["Phone", "strong", "no", "3"] in rows
    assert (
        "There is nothing here yet." in text.decode() and "eset" not in text.decode().split("nothing here yet")[1][:300]
    )


def test_members_without_a_name_are_called_by_their_number_once(admin_client):
    tell(["crm_id:71"], ["crm_id:72"])
    one, other = Member.objects.order_by("pk").values_list("pk", flat=True)[:2]

    assert admin_client.get(reverse("admin:cdp_member_changelist"), {"q": f"#{one}"}).context["cl"].result_count == 1
    text = admin_client.get(reverse("admin:cdp_member_merge", args=[one, other])).content.decode()
    assert f"#{one}" in text and f"#{one} · #{one}" not in text


def test_a_rule_is_made_changed_and_removed_each_with_an_audit_row(admin_client):
    shop = a_source("shop")
    said = {"source": shop.pk, "kind": "phone", "strength": "weak", "trusted": "unknown", "cap": "2"}

    admin_client.post(reverse("admin:cdp_identityrule_add"), said)
    rule = IdentityRule.objects.get()
    admin_client.post(
        reverse("admin:cdp_identityrule_change", args=[rule.pk]), said | {"strength": "strong", "cap": ""}
    )
    admin_client.post(reverse("admin:cdp_identityrule_delete", args=[rule.pk]), {"post": "yes"})

    weak = {"strength": "weak", "trusted": None, "single": False, "cap": 2}
    strong = weak | {"strength": "strong", "cap": None}
    assert [(row.action, row.detail) for row in AuditRow.objects.order_by("pk")] == [
        ("identity_rule.saved", {"before": {}, "after": weak}),
        ("identity_rule.saved", {"before": weak, "after": strong}),
        ("identity_rule.removed", {"before": strong}),
    ]
    assert set(AuditRow.objects.values_list("subject", flat=True)) == {"identity_rule:shop/phone"}


@pytest.mark.parametrize(
    "wrong", [{"strength": "weak", "trusted": "true"}, {"cap": "0"}, {"kind": "passport"}, {"kind": "email"}]
)
def test_a_rule_that_cannot_be_is_refused_kindly(admin_client, wrong):
    a_rule("email")
    said = {"source": "", "kind": "phone", "strength": "strong", "trusted": "unknown", "cap": "3"} | wrong

    answer = admin_client.post(reverse("admin:cdp_identityrule_add"), said)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert IdentityRule.objects.count() == 1


def test_orders_of_nobody_are_found(admin_client):
    a_source("shop")
    send("orders", order("A1", PHONE), order("A2"), source="shop")

    text = admin_client.get(reverse("admin:cdp_order_changelist"), {"named": "no"}).content.decode()

    assert "A2" in text
    assert ">A1<" not in text
