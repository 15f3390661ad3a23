"""Tags by hand: given for good or until an instant, taken away, and theirs who gave them, whatever a rule says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdp import judging, segments, tagging
from cdp.models import MemberTag, Profile, TagRule
from config.ground.models import AuditRow
from tests.builders import a_member, absorbed, an_order

pytestmark = pytest.mark.django_db
NOW = datetime(2017, 9, 30, 16, tzinfo=UTC)
VIP = ("identity", "vip")


def say(member, until=None, *, now=NOW, tag=VIP):
    return tagging.say(member, {tag: until}, actor="admin:li", source="", now=now)


def row():
    [found] = MemberTag.objects.values_list("since", "expires_at", "origin")
    return found


def test_a_tag_is_given_until_an_instant_and_the_same_again_changes_nothing():
    member, end = a_member(), NOW + timedelta(days=7)

    assert say(member, tagging.Until(end)) is True
    assert say(member, tagging.Until(end), now=NOW + timedelta(days=1)) is False

    assert row() == (NOW, end, "admin:li")
    assert [(r.action, r.detail["set"]) for r in AuditRow.objects.filter(action="member.tagged")] == [
        ("member.tagged", ["identity:vip"])
    ]


def test_another_end_holds_from_now_on_and_one_that_expired_begins_anew():
    member = a_member()
    say(member, tagging.Until(NOW + timedelta(days=7)))

    say(member, tagging.Until(), now=NOW + timedelta(days=1))
    assert row() == (NOW, None, "admin:li")

    MemberTag.objects.update(expires_at=NOW + timedelta(days=2))
    say(member, tagging.Until(), now=NOW + timedelta(days=2))
    assert row() == (NOW + timedelta(days=2), None, "admin:li")


def test_it_is_absorbed_and_taken_away_again():
    member = a_member()
    an_order(member, "2017-09-30")
    say(member, tagging.Until())
    absorbed(now=NOW)
    assert len(Profile.objects.get().tags) == 1

    assert say(member) is True
    assert say(member) is False
    absorbed(now=NOW)

    assert (MemberTag.objects.count(), Profile.objects.get().tags) == (0, [])


def test_what_a_rule_gave_is_theirs_who_give_it_then():
    member = a_member()
    rule = TagRule(tag=segments.tag("identity:vip"), condition={"not": {"did": "order", "within": "P30D"}})
    segments.save_rule(rule, actor="test", now=NOW)
    judging.judge(now=NOW)
    assert row() == (NOW, None, "rule")

    say(member, tagging.Until(), now=NOW + timedelta(days=1))
    an_order(member, NOW + timedelta(days=2))
    absorbed(now=NOW + timedelta(days=2))

    assert row() == (NOW, None, "admin:li")
