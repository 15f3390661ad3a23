"""Whose a row is: strong identities name a person, weak ones a thing; no source takes over a member by naming somebody's phone."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import identity
from cdp.models import (
    Consent,
    Event,
    Identity,
    IdentityUse,
    Member,
    MemberTag,
    Merge,
    MergeCandidate,
    Order,
    Parked,
    Telling,
)
from config.ground import blinds
from config.ground.models import Alarm
from tests.cdp.persons import a_rule, a_source, event, order, pairs, send, tell, whose

pytestmark = pytest.mark.django_db
PHONE, MAIL, DEVICE = "phone:13900000001", "email:li@example.com", "device@kiosk:D1"


def test_unknown_identities_of_a_row_are_given_to_whom_it_names():
    tell(["crm_id:1", PHONE])

    tell([PHONE, MAIL, DEVICE])

    assert {whose(text) for text in ("crm_id:1", PHONE, MAIL, DEVICE)} == {Member.objects.get().pk}
    assert set(Identity.objects.values_list("source__code", flat=True)) == {"crm"}


def test_a_second_number_of_one_source_is_another_person_and_a_candidate():
    """Two customers of the CRM with one phone: a household, or one person twice. Somebody looks."""
    tell(["crm_id:1", PHONE], name="李雷")
    first = whose("crm_id:1")

    tell(["crm_id:2", PHONE, MAIL], name="韩梅梅")

    second = whose("crm_id:2")
    assert second != first == whose(PHONE)
    assert whose(MAIL) == second
    assert pairs() == [(first, second, "open")]
    candidate = MergeCandidate.objects.get()
    assert candidate.evidence == {
        "met": [
            {"identity": Identity.objects.get(kind="crm_id", member=second).pk, "kind": "crm_id", "app": "", "value": "****", "names": second},
            {"identity": Identity.objects.get(kind="phone").pk, "kind": "phone", "app": "", "value": "+86139****0001", "names": first},
        ],
        "agree": [], "differ": ["name"], "against": ["crm_id"],
    }  # fmt: skip
    assert candidate.score == 20  # a phone 60, another name two thirds of it, two numbers half


def test_both_in_one_batch_are_told_apart_too():
    tell(["crm_id:1", PHONE], ["crm_id:2", PHONE], [PHONE, MAIL])

    assert Member.objects.count() == 2
    assert whose(MAIL) == whose(PHONE) == whose("crm_id:1")
    assert pairs() == [(whose("crm_id:1"), whose("crm_id:2"), "open")]


def test_numbers_of_different_sources_are_one_person():
    tell(["crm_id:A-1", PHONE], source="crm")

    tell(["crm_id:B-7", PHONE], source="till")

    assert whose("crm_id:A-1") == whose("crm_id:B-7")
    assert pairs() == []


def test_a_number_that_another_source_told_of_first_still_contradicts():
    send("orders", order("A1", "crm_id:1"), source="shop")
    tell(["crm_id:1", PHONE])

    tell(["crm_id:2", PHONE])

    assert whose("crm_id:1") != whose("crm_id:2")
    assert list(Telling.objects.values_list("identity__kind", "source__code")) == [("crm_id", "crm")]


def test_an_openid_is_single_per_app():
    tell(["wechat_openid@wx1:o1", PHONE])

    tell(["wechat_openid@wx2:o9", PHONE], ["wechat_openid@wx1:o2", PHONE])

    assert whose("wechat_openid@wx2:o9") == whose(PHONE)
    assert whose("wechat_openid@wx1:o2") != whose(PHONE)


def test_a_row_goes_to_whom_its_strongest_identity_names_and_the_fact_remembers_it():
    tell(["crm_id:1"], [PHONE])

    send("orders", order("A1", PHONE, "crm_id:1"), source="shop")
    send("events", event("E1", PHONE), source="shop")

    number, phone = Identity.objects.get(kind="crm_id"), Identity.objects.get(kind="phone")
    assert Order.objects.values_list("member", "identity").get() == (number.member_id, number.pk)
    assert Event.objects.values_list("member", "identity").get() == (phone.member_id, phone.pk)
    assert pairs() == [(number.member_id, phone.member_id, "open")]
    assert Merge.objects.count() == 0


# Untrusted, known, trusted


def test_an_untrusted_partner_adds_nothing_to_a_member_of_others():
    a_source("partner", "untrusted")
    tell(["crm_id:1", PHONE])
    theirs = whose(PHONE)

    send("orders", order("A1", PHONE, MAIL, "pos_card:9", DEVICE), source="partner")

    assert Order.objects.get().member_id == theirs
    assert whose(MAIL) == whose("pos_card:9") != theirs
    assert not Identity.objects.filter(kind="device").exists()
    assert pairs() == [(theirs, whose(MAIL), "open")]


@pytest.mark.parametrize(
    "said",
    [
        {"attributes": {"city": "北京"}},
        {"tags": ["preference:tea"]},
        {"registered_at": "2016-01-01T00:00:00+08:00"},
        {"synthetic": True},
        {"consents": [{"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2017-10-01T00:00:00+08:00"}]},
    ],
)  # fmt: skip
def test_an_untrusted_partner_changes_nothing_of_a_member_of_others(said):
    a_source("partner", "untrusted")
    tell(["crm_id:1", PHONE], city="上海")
    before = Member.objects.values().get()

    answer = send("members", {"identities": [PHONE], **said}, {"identities": [MAIL], **said}, source="partner")

    assert [(r.index, r.path, r.code) for r in answer.rejected] == [(0, "identities", "not_yours")]
    assert Member.objects.values().get(pk=whose(PHONE)) == before
    assert (answer.accepted, whose(MAIL) != whose(PHONE)) == (1, True)
    for told in (Consent, MemberTag):
        assert not told.objects.filter(member=whose(PHONE)).exists()


def test_a_withdrawal_is_heard_from_an_untrusted_partner_too():
    a_source("partner", "untrusted")
    tell(["crm_id:1", PHONE])
    word = {"channel": "sms", "purpose": "marketing", "state": "withdrawn", "at": "2017-10-01T00:00:00+08:00"}

    answer = send("members", {"identities": [PHONE], "consents": [word]}, source="partner")

    assert (answer.accepted, answer.rejected) == (1, [])
    assert Consent.objects.values_list("member", "state").get() == (whose(PHONE), "withdrawn")


def test_what_an_untrusted_partner_says_of_its_own_is_news_once():
    a_source("partner", "untrusted")
    tell(["crm_id:1", PHONE])

    first, again = (tell([PHONE, MAIL], source="partner") for _time in range(2))

    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (1, 0, 0, 1)


def test_a_mail_that_is_weak_for_another_source_and_shared_tells_of_no_event():
    web = a_source("web")
    a_rule("email", web, strength="weak", cap=3)
    tell(["crm_id:1", MAIL], ["crm_id:2", MAIL])

    send("events", event("E1", MAIL), source="web")
    tell([MAIL])

    assert Parked.objects.count() == 1


@pytest.mark.parametrize("text", [PHONE, DEVICE])
def test_an_untrusted_partner_makes_no_identity_of_others_weak(text):
    a_source("partner", "untrusted")
    tell(["crm_id:1", text])
    victim = whose("crm_id:1")

    for _again in range(2):
        tell(*([f"wechat_unionid:{n}", text] for n in range(1, 7)), source="partner")
        tell(*([f"wechat_unionid:{n}", text] for n in range(7, 13)), source="partner")

    assert Member.objects.count() == 13
    assert not IdentityUse.objects.exists() and not Alarm.objects.exists()
    key = identity.parse(text)
    assert identity.find(key.kind, key.value, key.app) == victim
    assert Identity.objects.filter(weak_since__isnull=False).count() == 0


def test_an_untrusted_partners_own_phone_still_turns_weak():
    a_source("partner", "untrusted")

    tell(*([f"crm_id:{n}", PHONE] for n in range(1, 5)), source="partner")

    assert Identity.objects.filter(weak_since__isnull=False).count() == 1


def test_an_untrusted_partner_knows_its_own_members():
    a_source("partner", "untrusted")
    tell([PHONE], source="partner")

    tell([PHONE, MAIL], source="partner")

    assert whose(MAIL) == whose(PHONE)
    assert pairs() == []


def test_a_known_source_only_proposes_whom_a_trusted_one_joins():
    tell(["crm_id:1"], [PHONE])
    first, second = whose("crm_id:1"), whose(PHONE)

    tell(["crm_id:1", PHONE], source="shop")
    assert pairs() == [(first, second, "open")]

    a_source("erp", "trusted")
    tell(["crm_id:1", PHONE], source="erp")

    assert pairs() == [(first, second, "joined")]
    assert whose(PHONE) == first
    assert Merge.objects.values_list("keep", "drop", "actor").get() == (first, second, "huitou")


def test_a_trusted_source_joins_before_it_is_answered_and_its_facts_go_along():
    a_source("erp", "trusted")
    tell([PHONE], ["crm_id:1"])
    first, second = whose(PHONE), whose("crm_id:1")

    send("orders", order("A1", PHONE, "crm_id:1"), source="erp")

    assert first < second
    assert Order.objects.values_list("member", flat=True).get() == first == whose("crm_id:1")


def test_members_that_contradict_are_joined_by_no_source():
    a_source("erp", "trusted")
    tell(["crm_id:1", PHONE], ["crm_id:2", MAIL])

    tell([PHONE, MAIL], source="erp")

    assert pairs() == [(whose(PHONE), whose(MAIL), "open")]
    assert Merge.objects.count() == 0


def test_a_chain_of_pairs_is_joined_as_far_as_nothing_contradicts():
    a_source("erp", "trusted")
    tell(["crm_id:1"], [PHONE], ["crm_id:3", MAIL])
    first, second, third = whose("crm_id:1"), whose(PHONE), whose(MAIL)

    tell(["crm_id:1", PHONE], [PHONE, MAIL], source="erp")

    assert pairs() == [(first, second, "joined"), (second, third, "open")]
    assert whose(PHONE) == first
    assert whose(MAIL) == third


def test_a_rule_of_a_source_goes_before_the_rule_of_all_and_that_before_the_usual():
    erp = a_source("erp", "trusted")
    a_rule("phone", strength="weak", cap=5)
    a_rule("phone", erp, trusted=False, cap=3)
    tell(["crm_id:1"], ["email:a@b.cn"])

    assert [(r.path, r.code) for r in tell([PHONE], source="shop").rejected] == [("identities", "only_weak_identities")]
    tell([PHONE], source="erp")
    tell(["crm_id:1", PHONE], source="erp")

    assert pairs() == [(whose("crm_id:1"), whose(PHONE), "open")]


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"strength": "weak", "trusted": True}, "what_is_weak_joins_nobody"),
        ({"cap": 0}, "a_cap_leaves_somebody"),
        ({"strength": "none"}, "a_kind_is_strong_or_weak"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_the_table_itself(change, law):
    with pytest.raises(IntegrityError, match=law), transaction.atomic():
        a_rule("phone", **change)
    a_rule("phone")
    with pytest.raises(IntegrityError, match="one_rule_per_source_and_kind"), transaction.atomic():
        a_rule("phone")


# Weak identities


def test_a_weak_identity_names_the_one_member_that_has_it():
    tell(["crm_id:1", DEVICE])

    send("orders", order("A1", DEVICE), source="shop")
    send("events", event("E1", DEVICE), source="shop")

    assert Order.objects.get().member_id == Event.objects.get().member_id == whose("crm_id:1")


def test_a_weak_identity_makes_nobody():
    answer = tell([DEVICE])
    send("orders", order("A1", DEVICE), source="shop")

    assert [(r.index, r.path, r.code) for r in answer.rejected] == [(0, "identities", "only_weak_identities")]
    assert Order.objects.values_list("member", "identity").get() == (None, None)
    assert (Member.objects.count(), Identity.objects.count()) == (0, 0)


def test_a_weak_identity_of_two_members_names_neither_and_makes_a_weak_candidate():
    tell(["crm_id:1", DEVICE])
    tell([PHONE, DEVICE])

    send("orders", order("A1", DEVICE), source="shop")

    assert whose(DEVICE) == whose("crm_id:1")
    assert Order.objects.get().member_id is None
    assert pairs() == [(whose("crm_id:1"), whose(PHONE), "open")]
    assert MergeCandidate.objects.get().score == 15


def test_a_kiosk_that_hundreds_use_joins_nobody_and_says_so_once():
    a_source("erp", "trusted")
    tell(["crm_id:300", DEVICE], source="erp")
    for start in (1, 4):
        tell(*[[f"crm_id:{n}", DEVICE] for n in range(start, start + 3)], source="erp")

    kiosk = Identity.objects.get(kind="device")
    assert kiosk.weak_since is not None
    assert Alarm.objects.get().subject == f"identity:{kiosk.pk}"
    assert Alarm.objects.get().text == (
        f"会员 {whose('crm_id:300')} 的 device 已被 7 个会员使用，上限为 5 个；它不再用于识别任何人"
    )
    assert {state for _low, _high, state in pairs()} == {"overtaken"}

    tell(*[[f"crm_id:{n}", DEVICE] for n in range(7, 300)], source="erp")
    send("events", event("E1", DEVICE), source="erp")

    assert Member.objects.count() == 300
    assert IdentityUse.objects.count() == 6
    assert len(pairs()) == 3  # of the batches before it turned weak
    assert Event.objects.values_list("member", flat=True).get() is None
    assert Alarm.objects.get().count == 1


def test_a_phone_that_more_members_share_than_its_cap_names_nobody_by_itself():
    tell(["crm_id:1", PHONE], ["crm_id:2", PHONE], ["crm_id:3", PHONE])
    assert identity.find("phone", "13900000001") == whose("crm_id:1")
    assert [state for _low, _high, state in pairs()] == ["open", "open"]

    tell(["crm_id:4", PHONE])

    assert identity.find("phone", "13900000001") is None
    assert identity.holders(identity.parse(PHONE)) == [whose(f"crm_id:{n}") for n in (1, 2, 3, 4)]
    assert [state for _low, _high, state in pairs()] == ["overtaken", "overtaken"]
    assert "139" not in Alarm.objects.get().text
    send("orders", order("A1", PHONE), order("A2", PHONE, MAIL), source="shop")
    assert dict(Order.objects.values_list("external_id", "member")) == {"A1": None, "A2": whose(MAIL)}
    assert whose(MAIL) not in identity.holders(identity.parse(PHONE))


def test_three_hundred_of_one_phone_in_one_batch_are_three_hundred_members():
    tell(*[[f"crm_id:{n}", PHONE] for n in range(1, 301)])

    assert Member.objects.count() == 300
    assert Identity.objects.get(kind="phone").weak_since is not None
    assert pairs() == []


def test_a_candidate_that_rests_on_more_than_the_phone_stays():
    tell(["crm_id:1", PHONE, MAIL], ["crm_id:2", PHONE, MAIL])

    tell(["crm_id:3", PHONE], ["crm_id:4", PHONE])

    assert pairs(state="open") == [(whose("crm_id:1"), whose("crm_id:2"), "open")]
    assert MergeCandidate.objects.get(state="open").score == 40  # 1 - .4 * .5, halved by two numbers


# What a member says before it is known


def test_who_unsubscribes_before_signing_up_is_a_member_who_withdrew():
    said = {"channel": "sms", "purpose": "marketing", "state": "withdrawn", "at": "2017-10-01T00:00:00+08:00"}
    send("members", {"identities": [PHONE], "consents": [said]}, source="shop")

    tell(["crm_id:1", PHONE])

    assert Consent.objects.values_list("member", "state").get() == (whose("crm_id:1"), "withdrawn")


def test_a_member_is_found_by_any_identity_in_one_index_look_up():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO cdp_member (id, attributes, synthetic, created_at) VALUES (1, '{}', false, now())")
        cursor.execute(
            """INSERT INTO cdp_identity (member_id, kind, app, blind, blind_key, sealed, created_at)
               SELECT 1, k, '', sha256((k || n)::bytea), 'field:k1', '\x026b31', now()
               FROM generate_series(1, 5000) n, unnest('{crm_id,phone,email}'::text[]) k"""
        )
        cursor.execute("ANALYZE cdp_identity")
        key = identity.parse(PHONE)
        found = Identity.objects.filter(
            kind=key.kind, app=key.app, blind=key.blind(blinds.versions().written), weak_since=None
        )
        plan = found.explain()

    assert "Index Scan using one_identity_names_one_member" in plan
    assert "Seq Scan" not in plan
