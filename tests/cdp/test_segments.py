"""Segments and tag rules: who is in them follows what is known, nothing asks for itself, and who listens hears of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from cdp import daily, feed, judging, merging, segments, tags
from cdp.conditions import explain, historical, matching, parse, sentence, validate
from cdp.errors import InUse, InvalidCondition
from cdp.models import Event, Identity, Member, MemberTag, Profile, Segment, SegmentMember, SegmentSize, Tag, TagRule
from config.ground.models import AuditRow
from tests.builders import a_member, absorbed, an_order, at

pytestmark = pytest.mark.django_db
BOUGHT = {"field": "orders", "op": ">=", "value": 1}
RECENT = {"did": "order", "within": "P30D"}
NOW = datetime(2017, 9, 30, 16, tzinfo=UTC)  # midnight in Shanghai


def a_segment(key, condition=BOUGHT, *, now=NOW, **more):
    return segments.save(Segment(key=key, name=key, condition=condition, **more), actor="test", now=now)


def a_rule(tag, condition, *, now=NOW):
    return segments.save_rule(TagRule(tag=segments.tag(tag), condition=condition), actor="test", now=now)


def inside(key):
    return set(SegmentMember.objects.filter(segment__key=key).values_list("member", flat=True))


def carried(member):
    return {str(row.tag): row.origin for row in MemberTag.objects.filter(member=member).select_related("tag")}


def faults(error):
    return [(fault.path, fault.code) for fault in error.value.faults]


def test_a_segment_that_was_saved_is_filled_and_follows_what_is_known():
    buyer, other = a_member(), a_member()
    an_order(buyer, "2017-09-30")
    absorbed(now=NOW)
    a_segment("buyers")

    assert judging.judge(now=NOW) == 1
    assert inside("buyers") == {buyer}
    assert judging.judge(now=NOW + timedelta(minutes=1)) == 0

    an_order(other, "2017-10-01 10:00")
    absorbed(now=at("2017-10-01 11:00"))

    assert inside("buyers") == {buyer, other}
    assert SegmentMember.objects.get(member=other).since == at("2017-10-01 11:00")


def test_time_alone_is_looked_at_every_hour_and_when_the_day_turns():
    buyer = a_member()
    an_order(buyer, "2017-09-30 12:00")
    absorbed(now=NOW)
    recent, buyers = a_segment("recent", RECENT), a_segment("buyers")
    judging.judge(now=at("2017-10-30 11:30"))
    assert (recent.timed, buyers.timed, inside("recent")) == (True, False, {buyer})

    assert judging.judge(now=at("2017-10-30 12:29")) == 0
    assert judging.judge(now=at("2017-10-30 12:30")) == 1
    assert inside("recent") == set()

    daily.turn(now=at("2017-10-31"))
    assert set(Segment.objects.values_list("judged_at", flat=True)) == {at("2017-10-31")}
    assert set(SegmentSize.objects.filter(day="2017-10-31").values_list("segment__key", "members")) == {
        ("recent", 0),
        ("buyers", 1),
    }


def test_a_segment_asks_for_segments_and_rule_tags_and_all_move_together():
    member = a_member()
    a_rule("behaviour:buyer", BOUGHT)
    a_segment("tagged", {"tag": "behaviour:buyer"})
    a_segment("not-tagged", {"not": {"segment": "tagged"}})
    judging.judge(now=NOW)
    assert (inside("tagged"), inside("not-tagged")) == (set(), {member})

    an_order(member, "2017-10-02")
    absorbed(now=at("2017-10-02"))

    assert (inside("tagged"), inside("not-tagged")) == ({member}, set())
    assert Profile.objects.get().tags == [Tag.objects.get().pk]
    assert list(Segment.objects.order_by("key").values_list("key", "level", "needs")) == [
        ("not-tagged", 2, ["segment:tagged"]),
        ("tagged", 1, ["tag:behaviour:buyer"]),
    ]


def test_what_asks_for_a_changed_one_is_judged_with_it():
    member = a_member()
    base = a_segment("base", {"field": "orders", "op": ">=", "value": 1})
    a_segment("above", {"not": {"segment": "base"}})
    absorbed(now=NOW)
    judging.judge(now=NOW)
    assert inside("above") == {member}

    base.condition = {"field": "orders", "op": "is_not_set"}
    segments.save(base, actor="test", now=NOW)
    Profile.objects.all().delete()

    assert judging.judge(now=NOW) == 2
    assert (inside("base"), inside("above")) == ({member}, set())


def test_a_rule_tag_disappears_when_it_no_longer_holds_and_others_stay():
    by_rule, by_hand = a_member(), a_member()
    for member in (by_rule, by_hand):
        an_order(member, "2017-09-30")
    tags.give([tags.Given(by_hand, ("behaviour", "recent"))], source=None, origin="admin:li", now=NOW)
    absorbed(now=NOW)
    a_rule("behaviour:recent", RECENT)

    judging.judge(now=NOW)
    assert (carried(by_rule), carried(by_hand)) == ({"behaviour:recent": "rule"}, {"behaviour:recent": "admin:li"})

    judging.judge(now=NOW + timedelta(days=40))
    assert (carried(by_rule), carried(by_hand)) == ({}, {"behaviour:recent": "admin:li"})
    assert list(Profile.objects.filter(tags=[]).values_list("pk", flat=True)) == [by_rule]


def test_a_hand_given_tag_that_expired_is_given_by_the_rule():
    member = a_member()
    an_order(member, "2017-09-30")
    tags.give([tags.Given(member, ("behaviour", "buyer"))], source=None, origin="admin:li", now=NOW)
    MemberTag.objects.update(expires_at=NOW + timedelta(days=1))
    absorbed(now=NOW)
    a_rule("behaviour:buyer", BOUGHT)

    judging.judge(now=NOW + timedelta(days=1))

    assert carried(member) == {"behaviour:buyer": "rule"}
    assert MemberTag.objects.get().since == NOW + timedelta(days=1)


def test_a_rule_that_goes_takes_its_tags_along():
    member = a_member()
    an_order(member, "2017-09-30")
    absorbed(now=NOW)
    rule = a_rule("behaviour:buyer", BOUGHT)
    judging.judge(now=NOW)

    segments.remove_rule(rule, actor="admin:li", now=NOW)

    assert (carried(member), Profile.objects.get().tags) == ({}, [])


def test_entered_and_left_are_recorded_only_where_somebody_listens():
    first, second = a_member(), a_member()
    a_segment("buyers")
    judging.judge(now=NOW)
    an_order(first, "2017-10-02")
    absorbed(now=at("2017-10-02"))
    assert not Event.objects.filter(type__startswith="segment.").exists()

    feed.listen("automation", ["segment.entered"])
    an_order(second, "2017-10-03")
    absorbed(now=at("2017-10-03"))

    [event] = Event.objects.filter(type__startswith="segment.")
    assert (event.type, event.member_id, event.properties) == ("segment.entered", second, {"segment": "buyers"})


def test_of_who_fulfils_a_new_condition_nobody_is_told_and_later_everybody_who_moves():
    member = a_member()
    an_order(member, "2017-09-30")
    absorbed(now=NOW)
    feed.listen("automation", ["segment.entered", "segment.left"])
    a_segment("recent", RECENT)
    judging.judge(now=NOW)
    assert not Event.objects.filter(type__startswith="segment.").exists()

    judging.judge(now=NOW + timedelta(days=40))

    assert list(Event.objects.filter(type__startswith="segment.").values_list("type", "member")) == [
        ("segment.left", member)
    ]


def test_a_circle_is_refused_with_its_way_and_nothing_is_saved():
    first = a_segment("first")
    a_segment("second", {"all": [BOUGHT, {"segment": "first"}]})
    a_rule("behaviour:x", {"segment": "second"})
    first.condition = {"any": [BOUGHT, {"not": {"tag": "behaviour:x"}}]}

    with pytest.raises(InvalidCondition) as error:
        segments.save(first, actor="test", now=NOW)

    assert faults(error) == [("condition.any[1].not.tag", "circle")]
    assert "segment:first → tag:behaviour:x → segment:second → segment:first" in str(error.value)
    assert Segment.objects.get(key="first").condition == BOUGHT


def test_a_segment_that_asks_for_itself_or_for_none_is_refused():
    own = a_segment("own")
    own.condition = {"segment": "own"}
    with pytest.raises(InvalidCondition) as error:
        segments.save(own, actor="test", now=NOW)
    assert faults(error) == [("condition.segment", "circle")]

    assert [(f.path, f.code) for f in validate({"not": {"segment": "nobody"}})] == [("not.segment", "unknown_segment")]


@pytest.mark.django_db(transaction=True)
def test_two_editors_cannot_make_a_circle_together():
    first, second = a_segment("first"), a_segment("second")
    first.condition, second.condition = {"segment": "second"}, {"segment": "first"}
    together = Barrier(2)

    def editor(segment):
        try:
            together.wait(10)
            segments.save(segment, actor="test", now=NOW)
            return "saved"
        except InvalidCondition:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(editor, (first, second))) == ["refused", "saved"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE cdp_segment SET needs = '{segment:first}', level = 1",
        "UPDATE cdp_segment SET needs = '{segment:nobody}', level = 1",
        "DELETE FROM cdp_segment WHERE key = 'first'",
    ],
)
def test_the_database_keeps_the_order(sql):
    a_segment("first")
    a_segment("second", {"segment": "first"})

    law = "what_a_definition_needs_comes_before_it"
    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_keeps_the_other_laws():
    member = a_member()
    segment = a_segment("first")
    a_rule("behaviour:x", BOUGHT)
    SegmentMember.objects.create(segment=segment, member_id=member, since=NOW)
    for law, sql in (
        ("a_segment_has_a_key_of_its_own", "INSERT INTO cdp_segment (key, name, name_en, needs, level, timed, ready, members) SELECT key, name, name_en, needs, level, timed, ready, members FROM cdp_segment"),
        ("the_key_of_a_segment_is_a_plain_word", "UPDATE cdp_segment SET key = 'A b'"),
        ("a_segment_has_a_name", "UPDATE cdp_segment SET name = ''"),
        ("a_tag_has_one_rule", "INSERT INTO cdp_tagrule (tag_id, condition, needs, level, timed) SELECT tag_id, condition, needs, level, timed FROM cdp_tagrule"),
        ("a_tag_rule_has_a_condition", "UPDATE cdp_tagrule SET condition = NULL"),
        ("a_member_is_in_a_segment_once", "INSERT INTO cdp_segmentmember (segment_id, member_id, since) SELECT segment_id, member_id, since FROM cdp_segmentmember"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_one_that_is_asked_for_is_not_removed():
    first = a_segment("first")
    second = a_segment("second", {"segment": "first"})

    with pytest.raises(InUse) as error:
        segments.remove(first, actor="test", now=NOW)
    assert error.value.users == ["second"]

    segments.remove(second, actor="test", now=NOW)
    segments.remove(first, actor="test", now=NOW)
    assert not Segment.objects.exists()


def test_a_fixed_list_takes_members_by_hand_and_can_be_asked_for():
    one, other = a_member(), a_member()
    fixed = a_segment("fixed", None)
    a_segment("rest", {"not": {"segment": "fixed"}})

    assert segments.put(fixed, [one, one, 10**9], actor="test", now=NOW) == 1
    judging.judge(now=NOW)
    assert (inside("fixed"), inside("rest"), Segment.objects.get(key="fixed").members) == ({one}, {other}, 1)

    assert segments.take(fixed, [one, other], actor="test", now=NOW) == 1
    judging.judge(now=NOW)
    assert (inside("fixed"), inside("rest")) == (set(), {one, other})
    with pytest.raises(InvalidCondition):
        segments.put(Segment.objects.get(key="rest"), [one], actor="test", now=NOW)


def test_every_change_leaves_a_trace():
    segment = a_segment("first")
    segment.name = "第一"
    segments.save(segment, actor="admin:li", now=NOW)
    segments.save(segment, actor="admin:li", now=NOW)
    segments.remove(segment, actor="admin:li", now=NOW)

    assert list(AuditRow.objects.order_by("pk").values_list("action", "subject")) == [
        ("segment.saved", "segment:first"),
        ("segment.saved", "segment:first"),
        ("segment.removed", "segment:first"),
    ]


def test_who_was_merged_away_or_erased_is_in_none():
    keep, drop = a_member(crm_id="k"), a_member(crm_id="d")
    a_segment("all", {"not": {"field": "orders", "op": ">", "value": 99}})
    judging.judge(now=NOW)
    assert inside("all") == {keep, drop}
    assert judging.judge(now=NOW) == 0

    merging.merge(keep, drop, actor="test", reason="same", now=NOW)
    judging.judge(now=NOW, everything=True)

    assert inside("all") == {keep}
    Identity.objects.all().delete()
    Member.objects.filter(pk=keep).update(erased_at=NOW, registered_at=None, attributes={})
    judging.judge(now=NOW, everything=True)
    assert inside("all") == set()


def test_a_condition_of_a_segment_is_said_explained_and_of_now_only():
    member = a_member()
    a_segment("vips", name_en="Good customers")
    judging.judge(now=NOW)
    node = parse({"segment": "vips"})

    with translation.override("en"):
        assert sentence(node) == "is in the segment Good customers"
    assert historical(node) is False
    assert (explain(node, member, as_of=NOW).holds, explain(node, member, as_of=NOW).actual.value) == (False, False)
    assert list(matching({"not": {"segment": "vips"}}, as_of=NOW)) == [Member.objects.get()]
