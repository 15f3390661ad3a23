"""Two members become one and two again; nothing is lost, and merges never go in circles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import conditions, feed, identity, profiles, visible
from cdp.ingest import accept
from cdp.merging import CannotMerge, merge, root, unmerge
from cdp.models import (
    Consent,
    ConsentRecord,
    Event,
    FeedRow,
    Identity,
    IdentityUse,
    Member,
    MemberTag,
    Order,
    Placement,
    Profile,
    Refund,
)
from config.ground.cause import Cause
from config.ground.models import ApiKey, AuditRow
from tests.builders import a_consent, a_member, a_refund, absorbed, an_event, an_order, at
from tests.cdp.persons import event, order, send, tell, whose

pytestmark = pytest.mark.django_db
NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)


def join(keep: int, drop: int, now: datetime = NOW):
    return merge(keep, drop, reason="one person", actor="li", now=now)


def returned(name):
    line = {"sku": "tea", "quantity": 1, "amount": 1}
    return {
        "id": name, "identities": [name], "refunded_at": "2017-10-01T10:00:00+08:00", "amount": 1, "currency": "CNY",
        "items": [line],
    }  # fmt: skip


def part(made, now: datetime = NOW + timedelta(days=1)):
    return unmerge(made.pk, reason="two after all", actor="li", now=now)


def test_what_names_one_names_the_other_and_gives_its_orders():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2", phone="13900000001")
    theirs, ours = an_order(drop, "2017-09-01"), an_order(keep, "2017-09-02")

    made = join(keep, drop)

    assert (root(drop), root(keep)) == (keep, keep)
    assert identity.find("phone", "13900000001") == keep
    assert set(Order.objects.values_list("member", flat=True)) == {keep}
    assert made.moved["cdp.Order"] == [theirs.pk]

    part(made)

    assert (root(drop), root(keep)) == (drop, keep)
    assert identity.find("phone", "13900000001") == identity.find("crm_id", "2") == drop
    assert dict(Order.objects.values_list("pk", "member")) == {theirs.pk: drop, ours.pk: keep}
    assert Identity.objects.filter(member=keep).count() == 1


def test_a_row_of_merges_has_one_end_and_is_undone_from_there():
    a, b, c = a_member(crm_id="1"), a_member(crm_id="2"), a_member(crm_id="3")
    first, second = join(b, a), join(c, b)

    assert [root(member) for member in (a, b, c)] == [c, c, c]
    with pytest.raises(CannotMerge) as refused:
        part(first)
    assert refused.value.code == "not_last"
    assert f"#{second.pk}" in refused.value.message

    part(second)

    assert [root(member) for member in (a, b, c)] == [b, b, c]
    part(first)
    assert [root(member) for member in (a, b, c)] == [a, b, c]


@pytest.mark.parametrize("again", [(0, 1), (1, 0), (0, 0)])
def test_one_member_is_not_merged_with_itself(again):
    members = [a_member(crm_id="1"), a_member(crm_id="2")]
    join(*members)

    with pytest.raises(CannotMerge) as refused:
        join(*(members[n] for n in again))

    assert refused.value.code == "same"


def test_a_merge_is_undone_once():
    made = join(a_member(crm_id="1"), a_member(crm_id="2"))
    part(made)

    with pytest.raises(CannotMerge) as refused:
        part(made)

    assert refused.value.code == "undone"


def test_nobody_is_merged_with_a_member_that_does_not_exist():
    with pytest.raises(CannotMerge) as refused:
        join(a_member(crm_id="1"), 10**9)

    assert refused.value.code == "unknown"
    assert Member.objects.filter(merged_into__isnull=False).count() == 0


def test_events_of_partners_go_over_and_our_own_stay_with_who_made_them():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    an_event(drop, "browse", "2017-09-01")
    own = accept.Own("stage.entered", drop, Cause("test", "1"), NOW, {"value": "active"})
    accept.record([own], now=NOW)

    made = join(keep, drop)

    assert set(Event.objects.values_list("type", "member")) == {("browse", keep), ("stage.entered", drop)}
    part(made)
    assert set(Event.objects.values_list("type", "member")) == {("browse", drop), ("stage.entered", drop)}


def test_what_the_identities_of_who_returns_brought_meanwhile_returns_too():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    made = join(keep, drop)
    send("orders", order("during", "crm_id:2"), order("ours", "crm_id:1"), source="shop")
    send("events", event("during", "crm_id:2"), event("ours", "crm_id:1"), source="shop")
    assert set(Order.objects.values_list("member", flat=True)) == {keep}

    part(made)

    assert dict(Order.objects.values_list("external_id", "member")) == {"during": drop, "ours": keep}
    partners = Event.objects.exclude(source__code="huitou")
    assert dict(partners.values_list("external_id", "member")) == {"during": drop, "ours": keep}


def test_an_identity_that_came_meanwhile_goes_with_the_one_that_brought_it_and_so_does_what_it_named():
    """Their CRM sent a new phone while the two were one, by that phone came a mail, and by each an order and an event."""
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    made = join(keep, drop)
    tell(["crm_id:2", "phone:13900000002"], ["phone:13900000002", "email:b@example.com"], source="shop")
    tell(["email:b@example.com", "pos_card:7"], ["crm_id:1", "phone:13900000001"], source="till")
    names = ("phone:13900000002", "email:b@example.com", "pos_card:7", "phone:13900000001")
    send("orders", *(order(f"by {name}", name) for name in names), source="shop")
    send("events", *(event(f"by {name}", name) for name in names), source="shop")
    send("returns", *(returned(name) for name in names), source="shop")
    assert set(Identity.objects.values_list("member", flat=True)) == {keep}

    part(made)

    theirs = dict(zip(names, (drop, drop, drop, keep), strict=True))
    assert {name: whose(name) for name in names} == theirs
    assert identity.addresses([keep, drop], "phone") == {keep: "+8613900000001", drop: "+8613900000002"}
    by_name = {f"by {name}": member for name, member in theirs.items()}
    assert dict(Order.objects.values_list("external_id", "member")) == by_name
    assert dict(Event.objects.exclude(source__code="huitou").values_list("external_id", "member")) == by_name
    assert dict(Refund.objects.values_list("external_id", "member")) == theirs


def test_what_came_meanwhile_is_given_back_through_a_row_of_merges():
    """B went into A, B's phone came, A went into C, B's mail came by the phone."""
    a, b, c = (a_member(crm_id=name) for name in "ABC")
    first = join(a, b)
    tell(["crm_id:B", "phone:13900000002"])
    second = join(c, a)
    tell(["email:b@example.com", "phone:13900000002"])
    assert whose("phone:13900000002") == whose("email:b@example.com") == c

    part(second)
    assert whose("phone:13900000002") == whose("email:b@example.com") == a
    part(first)

    assert whose("phone:13900000002") == whose("email:b@example.com") == b


def test_a_stronger_identity_that_came_meanwhile_goes_with_the_weaker_one_that_brought_it():
    """The row is about whom its strongest names; that one is new, and it was the phone that said whose it is."""
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2", phone="13900000002")
    made = join(keep, drop)
    tell(["wechat_openid@wx1:o2", "phone:13900000002", "device@app:D2"], source="mini")
    send("orders", order("A1", "wechat_openid@wx1:o2", "phone:13900000002"), source="mini")

    part(made)

    assert whose("wechat_openid@wx1:o2") == whose("device@app:D2") == drop
    assert Order.objects.get().member_id == drop


def test_refunds_follow_their_order_over_and_back():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    theirs = an_order(drop, "2017-09-01", 1000)
    made = join(keep, drop)
    a_refund(theirs, "2017-09-02", 400, now=NOW)
    absorbed(now=NOW)
    assert Profile.objects.get(member=keep).amount == 600

    part(made)

    assert dict(Profile.objects.values_list("member", "amount")) == {keep: 0, drop: 600}


def test_one_profile_holds_what_both_bought_and_the_other_is_gone():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    an_order(keep, "2017-09-01", 1000)
    an_order(drop, "2017-09-11", 300)
    absorbed(now=NOW)

    made = join(keep, drop)

    profile = Profile.objects.get()
    assert (profile.member_id, profile.orders, profile.amount, profile.interval_sum) == (keep, 2, 1300, 10)
    assert Placement.objects.filter(member=drop, axis="stage").count() == 1
    assert profiles.refresh(None, as_of=NOW + timedelta(days=1)) == 1
    assert Profile.objects.filter(member=drop).count() == 0

    part(made, NOW + timedelta(days=2))

    assert dict(Profile.objects.values_list("member", "amount")) == {keep: 1000, drop: 300}
    assert set(Profile.objects.values_list("member", "stage")) == {(keep, "first_purchase"), (drop, "first_purchase")}


def test_a_stage_that_a_merge_caused_is_not_announced():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    an_order(keep, "2017-09-01")
    an_order(drop, "2017-09-11")
    absorbed(now=NOW - timedelta(days=1))
    told = Event.objects.filter(type="stage.entered").count()

    part(join(keep, drop))

    assert Event.objects.filter(type="stage.entered").count() == told
    assert list(Placement.objects.filter(member=keep, axis="stage").order_by("since").values_list("value", flat=True)) == [
        "first_purchase", "critical", "first_purchase",
    ]  # fmt: skip


def test_who_was_merged_away_is_nobody_to_a_condition_a_list_or_a_key():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    key = ApiKey(scopes=["members", "members:all"], source="shop")
    join(keep, drop)

    assert list(conditions.matching({"field": "registered_at", "op": "is_set"}, as_of=NOW)) == [Member(pk=keep)]
    assert list(visible.members(key)) == [Member(pk=keep)]
    assert visible.member(str(drop), key).pk == visible.member("crm_id:2", key).pk == keep


def test_rows_that_wait_are_heard_as_of_who_stands_also_those_that_came_too_late_to_move():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    absorbed(now=NOW)
    made = an_order(drop, "2017-09-01", 500)
    join(keep, drop)
    assert set(FeedRow.objects.values_list("member", flat=True)) == {keep}
    feed.tell(feed.PROFILE, [feed.Heard("order", made.pk + 1, drop, made.placed_at)])

    assert [feed.drain(feed.PROFILE, limit=10, now=NOW) for _n in range(3)] == [1, 1, 0]

    assert FeedRow.objects.filter(reader=feed.PROFILE).count() == 0
    assert dict(Profile.objects.values_list("member", "amount")) == {keep: 500}


def test_attributes_that_only_the_other_has_are_added_and_taken_away_again():
    keep = a_member(crm_id="1", name="李雷", city="上海")
    drop = a_member(crm_id="2", name="李蕾", birthday="1990-05-01", level="gold")
    Member.objects.filter(pk=keep).update(registered_at=None)

    made = join(keep, drop)

    merged = Member.objects.get(pk=keep)
    assert merged.attributes == {"name": "李雷", "city": "上海", "birthday": "1990-05-01", "level": "gold"}
    assert merged.registered_at == Member.objects.get(pk=drop).registered_at
    assert made.moved["cdp.Member"] == ["attributes.birthday", "attributes.level", "registered_at"]

    Member.objects.filter(pk=keep).update(attributes=merged.attributes | {"level": "platinum"})
    part(made)

    parted = Member.objects.get(pk=keep)
    assert (parted.attributes, parted.registered_at) == ({"name": "李雷", "city": "上海", "level": "platinum"}, None)
    assert Member.objects.get(pk=drop).attributes == {"name": "李蕾", "birthday": "1990-05-01", "level": "gold"}


G, W = "granted", "withdrawn"


@pytest.mark.parametrize(
    ("ours", "theirs", "one"),
    [
        ((G, "2017-09-01"), (W, "2017-09-02"), W),
        ((G, "2017-09-02"), (W, "2017-09-01"), W),
        ((G, "2017-09-02"), (W, "2017-09-02"), W),
        ((W, "2017-09-01"), (G, "2017-09-02"), W),
        ((W, "2017-09-02"), (G, "2017-09-01"), W),
        ((G, "2017-09-01"), (G, "2017-09-02"), G),
        (None, (G, "2017-09-01"), G),
        (None, (W, "2017-09-01"), W),
        ((G, "2017-09-01"), None, G),
        ((W, "2017-09-01"), None, W),
    ],
)
def test_the_stricter_consent_holds_and_each_has_its_own_word_again(ours, theirs, one):
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    for member, word in ((keep, ours), (drop, theirs)):
        if word:
            a_consent(member, state=word[0], said=at(word[1]))

    made = join(keep, drop)

    assert in_force(keep) == one
    part(made)
    assert (in_force(keep), in_force(drop)) == (ours and ours[0], theirs and theirs[0])
    again = join(keep, drop, NOW + timedelta(days=2))
    assert in_force(keep) == one
    part(again, NOW + timedelta(days=3))
    assert (in_force(keep), in_force(drop)) == (ours and ours[0], theirs and theirs[0])


def test_a_withdrawal_while_they_were_one_holds_for_both_when_they_part():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    a_consent(drop, state=G, said=at("2017-09-01"))
    made = join(keep, drop)
    a_consent(drop, state=W, said=NOW + timedelta(hours=1))
    assert in_force(keep) == W

    assert in_force(drop) == W  # at once: what they are told of third parties goes tonight

    part(made)

    assert (in_force(keep), in_force(drop)) == (W, W)
    assert [ConsentRecord.objects.get(member=member, state=W).evidence for member in (keep, drop)] == ["test", "test"]


def says(state, hour, *names, source="crm", evidence="form", at=None):
    """A row of members with a word in it, so many hours after the merge."""
    when = NOW + timedelta(hours=hour)
    word = {
        "channel": "sms",
        "purpose": "marketing",
        "state": state,
        "at": (at or when).isoformat(),
        "evidence": evidence,
    }
    return accept.accept("members", [{"identities": list(names), "consents": [word]}], source=source, now=when)


def test_a_grant_that_came_while_they_were_one_is_of_whose_identity_brought_it():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    made = join(keep, drop)
    says(G, 1, "crm_id:2", "phone:13900000002")
    says(G, 2, "phone:13900000002")
    assert in_force(keep) == G

    part(made)

    assert (in_force(keep), in_force(drop)) == (None, G)
    back = ConsentRecord.objects.get(member=drop, at=NOW + timedelta(hours=2))
    assert (back.evidence, back.source, back.recorded_at) == ("form", "crm", NOW + timedelta(hours=2))


def test_both_may_grant_at_the_same_instant_while_they_are_one():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    made = join(keep, drop)
    answers = [says(G, 1, name) for name in ("crm_id:1", "crm_id:2", "crm_id:1", "crm_id:2")]
    assert [(a.accepted, a.duplicates) for a in answers] == [(1, 0), (1, 0), (0, 1), (0, 1)]

    part(made)

    assert (in_force(keep), in_force(drop)) == (G, G)


def test_their_own_words_of_before_hold_again_under_what_the_other_granted():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    a_consent(keep, state=W, said=at("2017-09-01"))
    made = join(keep, drop)
    says(G, 1, "crm_id:2")
    assert in_force(keep) == G

    part(made)

    assert (in_force(keep), in_force(drop)) == (W, G)
    again = join(keep, drop, NOW + timedelta(days=2))
    part(again, NOW + timedelta(days=3))
    assert (in_force(keep), in_force(drop)) == (W, G)


def test_a_grant_that_no_identity_brought_is_of_neither():
    """A person of the brand wrote it down on the page of the two who were one."""
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    a_consent(keep, channel="email", said=at("2017-09-01"))
    made = join(keep, drop)
    for channel in ("sms", "email"):
        a_consent(keep, channel=channel, said=NOW + timedelta(hours=1))

    part(made)

    assert (in_force(keep), in_force(drop)) == (None, None)
    assert Consent.objects.get(member=keep, channel="email").at == at("2017-09-01")


def test_a_word_is_given_back_through_a_row_of_merges():
    a, b, c = (a_member(crm_id=name) for name in "ABC")
    first = join(a, b)
    second = join(c, a)
    says(G, 1, "crm_id:B")

    part(second)
    assert [in_force(member) for member in (a, b, c)] == [G, None, None]
    part(first)

    assert [in_force(member) for member in (a, b, c)] == [None, G, None]


def test_a_partner_that_writes_like_a_merge_is_heard_like_any_other():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    a_consent(keep, said=at("2017-09-01"))
    made = join(keep, drop)
    says(W, 1, "crm_id:1", evidence=f"merge:{made.pk}")

    part(made)

    assert (in_force(keep), in_force(drop)) == (W, W)


def gives(tag, name, hours=1):
    row = {"identities": [name], "tags": [tag]}
    return accept.accept("members", [row], source="crm", now=NOW + timedelta(hours=hours))


def carried():
    rows = MemberTag.objects.order_by("member", "tag__name").values_list("member", "tag__name")
    return {member: [name for whose, name in rows if whose == member] for member, _name in rows}


def test_each_carries_its_own_tags_again_and_those_that_came_since_by_its_own_identities():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    gives("preference:ours", "crm_id:1", 0)
    gives("preference:theirs", "crm_id:2", 0)
    gives("preference:both", "crm_id:1", 0)
    made = join(keep, drop)
    gives("preference:ours", "crm_id:2")
    gives("preference:theirs", "crm_id:1")
    gives("preference:since", "crm_id:2")
    gives("preference:of both", "crm_id:1")
    gives("preference:of both", "crm_id:2")
    assert carried() == {keep: ["both", "of both", "ours", "since", "theirs"]}

    part(made)

    assert carried() == {keep: ["both", "of both", "ours", "theirs"], drop: ["of both", "ours", "since", "theirs"]}
    part(join(keep, drop, NOW + timedelta(days=2)), NOW + timedelta(days=3))
    assert carried() == {keep: ["both", "of both", "ours", "theirs"], drop: ["of both", "ours", "since", "theirs"]}


def test_a_tag_of_theirs_that_expired_begins_anew_with_what_was_said_since():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    gives("preference:tea", "crm_id:1", 0)
    gives("preference:tea", "crm_id:2", 0)
    made = join(keep, drop)
    MemberTag.objects.update(expires_at=NOW + timedelta(hours=1))
    gives("preference:tea", "crm_id:2", 2)

    part(made)

    assert MemberTag.objects.values_list("member", "since", "expires_at").get() == (
        drop,
        NOW + timedelta(hours=2),
        None,
    )


def test_tags_go_back_through_a_row_of_merges():
    a, b, c = (a_member(crm_id=name) for name in "ABC")
    gives("preference:old", "crm_id:B", 0)
    first = join(a, b)
    gives("preference:one", "crm_id:B")
    second = join(c, a)
    gives("preference:two", "crm_id:B")

    part(second)
    assert carried() == {a: ["old", "one", "two"]}
    part(first)

    assert carried() == {b: ["old", "one", "two"]}


def test_a_consent_of_an_earlier_merge_outlives_the_undoing_of_a_later_one():
    a, b, c = a_member(crm_id="1"), a_member(crm_id="2"), a_member(crm_id="3")
    a_consent(b, state=W, said=at("2017-09-01"))
    a_consent(c, state=G, said=at("2017-09-02"))
    join(a, b)

    part(join(a, c))

    assert in_force(a) == W


def in_force(member: int) -> str | None:
    return Consent.objects.filter(member=member, channel="sms").values_list("state", flat=True).first()


def test_each_step_leaves_a_row_in_the_audit_trail():
    keep, drop = a_member(crm_id="1"), a_member(crm_id="2")
    made = join(keep, drop)
    part(made)

    rows = AuditRow.objects.filter(subject=f"member:{keep}").order_by("pk").values_list("actor", "action", "detail")
    assert list(rows) == [
        ("li", "member.merge", {"drop": drop, "merge": made.pk, "reason": "one person"}),
        ("li", "member.unmerge", {"drop": drop, "merge": made.pk, "reason": "two after all"}),
    ]


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ("UPDATE cdp_member SET merged_into_id = id", "a_member_is_not_merged_into_itself"),
        ("UPDATE cdp_member SET merged_into_id = {drop} WHERE id = {keep}", "merges never go in circles"),
        ("UPDATE cdp_member SET merged_into_id = {drop} WHERE id = {third}", "merges never go in circles"),
        ("UPDATE cdp_member SET merged_into_id = {third} WHERE id = {keep}", "merges never go in circles"),
        ("UPDATE cdp_merge SET keep_id = drop_id", "a_merge_joins_two_members"),
        ("UPDATE cdp_merge SET undone_at = now()", "who_undoes_a_merge_is_known"),
        (
            "INSERT INTO cdp_merge (keep_id, drop_id, reason, actor, at, moved, undone_by)"
            " VALUES ({third}, {drop}, '', 'li', now(), '{{}}', '')",
            "a_member_is_merged_into_one_at_a_time",
        ),
    ],
)
def test_the_tables_refuse_circles_and_second_merges(change, law):
    keep, drop, third = a_member(crm_id="1"), a_member(crm_id="2"), a_member(crm_id="3")
    join(keep, drop)

    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(change.format(keep=keep, drop=drop, third=third))

    assert [root(member) for member in (keep, drop, third)] == [keep, keep, third]


def test_the_table_refuses_to_undo_a_merge_twice():
    part(join(a_member(crm_id="1"), a_member(crm_id="2")))

    with (
        pytest.raises(IntegrityError, match="undone at most once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("UPDATE cdp_merge SET undone_at = NULL, undone_by = ''")


def test_rows_that_both_have_do_not_go_over_and_do_not_come_back():
    """The policy of tables with a unique key of their own, here on who used an identity."""
    keep, drop, third = a_member(crm_id="1"), a_member(crm_id="2"), a_member(crm_id="3")
    shared, theirs = Identity.objects.filter(member=third).get(), Identity.objects.filter(member=keep).get()
    IdentityUse.objects.bulk_create(
        [IdentityUse(identity=i, member_id=m) for i, m in ((shared, keep), (shared, drop), (theirs, drop))]
    )

    made = join(keep, drop)

    assert uses() == {(shared.pk, keep), (shared.pk, drop), (theirs.pk, keep)}
    part(made)
    assert uses() == {(shared.pk, keep), (shared.pk, drop), (theirs.pk, drop)}


def uses() -> set[tuple[int, int]]:
    return set(IdentityUse.objects.values_list("identity", "member"))
