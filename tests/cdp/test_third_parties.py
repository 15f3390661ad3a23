"""A third party tells only of members who granted it, at the instant it tells of; what it told goes when they withdraw."""

from __future__ import annotations

from functools import partial

import pytest

from cdp import describing, identity, merging, retention, rules
from cdp.errors import Undescribed
from cdp.ingest.accept import accept
from cdp.models import Consent, Event, Identity, Member, MemberTag, Order, Seen, Source, ThirdPartyAttribute
from config.ground.models import AuditRow
from tests.builders import a_consent, a_member, absorbed, an_event, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-10"


@pytest.fixture(autouse=True)
def _rides():
    Source.objects.create(code="rides", name="Rides", third_party=True)


def granted(member, since="2017-10-01", state="granted"):
    a_consent(member, "any", state, purpose="third_party", said=at(since))


def ride(number, phone, occurred, source="rides"):
    row = {"id": number, "type": "ride", "identities": [f"phone:{phone}"], "occurred_at": at(occurred).isoformat()}
    answer = accept("events", [row], source=source, now=at(NOW))
    return [rejected.code for rejected in answer.rejected]


def told(phone, attributes=None, consents=(), source="rides"):
    row = {"identities": [f"phone:{phone}"], "attributes": attributes or {}, "consents": list(consents)}
    return [rejected.code for rejected in accept("members", [row], source=source, now=at(NOW)).rejected]


def word(state="granted", day="2017-10-05"):
    return {"channel": "any", "purpose": "third_party", "state": state, "at": at(day).isoformat()}


def test_a_fact_is_taken_when_the_grant_was_in_force_at_its_instant_and_still_is():
    yes, no, gone = (a_member(phone=f"1390000000{n}") for n in range(3))
    granted(yes, "2017-10-03")
    granted(gone, "2017-10-03")
    granted(gone, "2017-10-08", "withdrawn")

    assert ride("1", "13900000000", "2017-10-04") == []
    assert ride("2", "13900000000", "2017-10-02") == ["no_consent"]  # before the grant
    assert ride("3", "13900000001", "2017-10-04") == ["no_consent"]
    assert ride("4", "13900000002", "2017-10-04") == ["no_consent"]  # granted then, and withdrawn since
    assert ride("5", "13900000009", "2017-10-04") == ["no_consent"]  # nobody we know, and nobody we then make

    assert list(Event.objects.values_list("member", "external_id")) == [(yes, "1")]
    assert Seen.objects.filter(kind="event").count() == 1  # what was refused may come again
    assert identity.find("phone", "13900000009") is None
    granted(no, "2017-10-01")
    assert ride("3", "13900000001", "2017-10-04") == []


def test_one_row_without_consent_costs_the_others_nothing():
    granted(a_member(phone="13900000000"))
    rows = [
        {
            "id": str(n),
            "type": "ride",
            "identities": [f"phone:1390000000{n}"],
            "occurred_at": at("2017-10-04").isoformat(),
        }
        for n in range(3)
    ]

    answer = accept("events", rows, source="rides", now=at(NOW))

    assert (answer.accepted, [(r.index, r.path) for r in answer.rejected]) == (
        1,
        [(1, "identities"), (2, "identities")],
    )


def test_attributes_need_the_grant_too_and_the_row_itself_may_bring_it():
    assert told("13900000001", {"diet": "vegan"}) == ["no_consent"]
    assert not Member.objects.exists()

    assert told("13900000001", {"diet": "vegan"}, [word()]) == []
    assert told("13900000001", {"diet": "none"}) == []
    assert told("13900000001", {"diet": "meat"}, [word("withdrawn", "2017-10-06")]) == ["no_consent"]
    assert Member.objects.get().attributes == {"diet": "none"}


def test_tags_need_the_grant_too():
    row = {"identities": ["phone:13900000001"], "tags": ["preference:tea"], "consents": [word("withdrawn")]}

    assert [r.code for r in accept("members", [row], source="rides", now=at(NOW)).rejected] == ["no_consent"]
    assert not MemberTag.objects.exists()


def test_a_withdrawal_alone_is_always_heard():
    assert told("13900000001", consents=[word("withdrawn")]) == []
    assert told("13900000001", {"diet": "vegan"}) == ["no_consent"]


def test_nobody_new_comes_to_be_by_the_phone_of_somebody_who_granted():
    granted(a_member(phone="13900000001"))
    for number in (1, 2):  # the second is another buyer with the same phone: another person
        row = {
            "identities": [f"marketplace_buyer_id@tmall:{number}", "phone:13900000001"], "attributes": {"diet": "vegan"},
        }  # fmt: skip
        event = {
            "id": f"E{number}",
            "type": "ride",
            "identities": row["identities"],
            "occurred_at": at("2017-10-04").isoformat(),
        }
        codes = [
            rejected.code
            for kind, one in (("members", row), ("events", event))
            for rejected in accept(kind, [one], source="rides", now=at(NOW)).rejected
        ]
        assert codes == ([] if number == 1 else ["no_consent", "no_consent"])

    assert (Member.objects.count(), Event.objects.count()) == (1, 1)


def test_by_its_own_key_too_a_third_party_describes_only_who_grants_it_and_what_it_said_goes():
    member = a_member(phone="13900000001", city="上海")
    granted(member)
    say = partial(describing.describe, member, actor="api:rides", now=at(NOW))
    say({"diet": "vegan"}, source="rides")
    say({"city": "杭州"}, source="rides")
    say({"city": "北京"}, source="crm")  # the brand's own word again

    granted(member, since="2017-10-05", state="withdrawn")
    with pytest.raises(Undescribed) as refused:
        say({"diet": "meat"}, source="rides")
    retention.sweep(now=at(NOW))

    assert refused.value.fault.code == "no_consent"
    assert Member.objects.get(pk=member).attributes == {"city": "北京"}


def test_a_third_party_tells_of_no_money():
    granted(a_member(phone="13900000001"))
    order = {
        "id": "A", "identities": ["phone:13900000001"], "placed_at": at("2017-10-04").isoformat(), "amount": 1,
        "currency": "CNY",
    }  # fmt: skip
    refund = {"id": "R", "order_id": "A", "refunded_at": at("2017-10-04").isoformat(), "amount": 1}

    for kind, row in (("orders", order), ("refunds", refund)):
        assert [r.code for r in accept(kind, [row], source="rides", now=at(NOW)).rejected] == ["third_party"]
    assert not Order.objects.exists()


def test_what_was_told_goes_when_the_member_withdraws_and_what_others_told_stays():
    gone, stays = a_member(phone="13900000001", city="上海"), a_member(phone="13900000002")
    for member, phone in ((gone, "13900000001"), (stays, "13900000002")):
        granted(member)
        assert ride(f"ride-{member}", phone, "2017-10-04") == []
        assert told(phone, {"diet": "vegan", "car": "none"}) == []
        an_event(member, "browse", "2017-10-04")
    assert told("13900000001", {"car": "own"}, source="shop") == []  # the shop says so itself by now
    granted(gone, "2017-10-06", "withdrawn")

    retention.sweep(now=at(NOW))

    assert sorted(Event.objects.values_list("member", "type")) == sorted(
        [(gone, "browse"), (stays, "browse"), (stays, "ride")]
    )
    assert Member.objects.get(pk=gone).attributes == {"city": "上海", "car": "own"}
    assert Member.objects.get(pk=stays).attributes == {"diet": "vegan", "car": "none"}
    assert set(ThirdPartyAttribute.objects.values_list("member", flat=True)) == {stays}
    assert Identity.objects.filter(member=gone, kind="phone").exists()
    assert ride(f"ride-{gone}", "13900000001", "2017-10-04") == ["no_consent"]
    retention.sweep(now=at(NOW))
    assert Event.objects.count() == 3
    absorbed(now=at(NOW))


# Of two who become one


def two(ours="granted", theirs="granted", **attributes):
    """Two who granted; the second was told of by the third party: a ride, and a diet. Then each said this."""
    keep, drop = a_member(phone="13900000001", **attributes), a_member(phone="13900000002")
    for member in (keep, drop):
        granted(member)
    assert ride("theirs", "13900000002", "2017-10-04") == []
    assert told("13900000002", {"diet": "vegan"}) == []
    for member, state in ((keep, ours), (drop, theirs)):
        if state == "withdrawn":
            granted(member, "2017-10-06", state)
    return keep, drop


def join(keep, drop):
    return merging.merge(keep, drop, reason="one", actor="li", now=at("2017-10-07"))


def part(made):
    return merging.unmerge(made.pk, reason="two", actor="li", now=at("2017-10-09"))


def sweep(member=None):
    if member:
        granted(member, "2017-10-08", "withdrawn")
    return retention.sweep(now=at(NOW))


def rides():
    return dict(Event.objects.filter(type="ride").values_list("external_id", "member"))


def diets():
    return {m.pk: m.attributes["diet"] for m in Member.objects.filter(attributes__has_key="diet")}


def test_what_the_brand_says_itself_stays_after_a_merge_with_one_of_whom_a_third_party_said_it():
    keep, drop = two(diet="all")
    made = join(keep, drop)
    assert list(ThirdPartyAttribute.objects.values_list("member", "name")) == [(drop, "diet")]

    sweep(keep)

    assert diets() == {keep: "all"}
    part(made)
    sweep()
    assert (diets(), rides()) == ({keep: "all"}, {})


def test_what_a_third_party_said_of_one_is_its_word_of_both_and_goes_when_they_withdraw():
    keep, drop = two()
    made = join(keep, drop)
    assert diets() == {keep: "vegan", drop: "vegan"}
    assert set(ThirdPartyAttribute.objects.values_list("member", "name")) == {(keep, "diet"), (drop, "diet")}

    part(made)
    assert (diets(), rides()) == ({drop: "vegan"}, {"theirs": drop})
    assert ThirdPartyAttribute.objects.values_list("member", "name").get() == (drop, "diet")

    join(keep, drop)
    sweep(drop)
    assert (diets(), rides()) == ({}, {})
    assert not ThirdPartyAttribute.objects.exists()


def test_a_merge_into_one_who_refuses_third_parties_takes_nothing_from_one_who_grants():
    """It is neither used for the two, nor lost when they turn out to be two."""
    keep, drop = two(ours="withdrawn")
    made = join(keep, drop)
    sweep()
    assert (diets(), rides()) == ({drop: "vegan"}, {"theirs": drop})

    part(made)
    sweep()

    assert (diets(), rides()) == ({drop: "vegan"}, {"theirs": drop})


def test_nor_does_a_merge_of_one_who_refuses_into_one_who_grants():
    drop, keep = two(ours="withdrawn")
    made = join(keep, drop)
    assert Consent.objects.get(member=keep, purpose="third_party").state == "withdrawn"
    assert ride("more", "13900000002", "2017-10-04") == ["no_consent"]
    sweep()

    part(made)
    sweep()

    assert (diets(), rides()) == ({keep: "vegan"}, {"theirs": keep})
    assert Consent.objects.get(member=keep, purpose="third_party").state == "granted"


def test_what_waits_to_be_swept_does_not_go_over_to_one_who_grants():
    keep, drop = two(theirs="withdrawn")
    join(keep, drop)

    sweep()

    assert (diets(), rides()) == ({}, {})


def test_that_a_source_is_a_third_party_is_said_by_a_person_and_leaves_a_trace():
    shop = Source.objects.create(code="shop", name="Shop")

    rules.mark_third_party(shop, True, actor="admin:li", now=at(NOW))
    rules.mark_third_party(shop, True, actor="admin:li", now=at(NOW))

    assert Source.objects.get(code="shop").third_party
    row = AuditRow.objects.get(action="source.third_party")
    assert (row.actor, row.subject, row.detail) == ("admin:li", "source:shop", {"third_party": True})
