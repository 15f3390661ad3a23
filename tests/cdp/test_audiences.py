"""The ready audiences: eighteen, each a condition of fields that exist, made once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdp import audiences, judging, segments
from cdp.conditions import in_both, validate, vocabulary
from cdp.models import Segment, SegmentMember
from tests.builders import a_member, absorbed, an_event, an_order

pytestmark = pytest.mark.django_db
NOW = datetime(2017, 9, 30, 16, tzinfo=UTC)
LATER = {"price_sensitivity", "weekend_share", "night_share"}  # fields of the buying habits


def test_there_are_eighteen_and_each_is_a_condition_that_can_be_said():
    written = list(audiences.written())

    assert len({one["key"] for one in written}) == len({one["name"] for one in written}) == 18
    for one in written:
        faults = validate(one["condition"])
        if vocabulary.known().keys() >= LATER:
            assert faults == [], one["key"]
        if not faults:
            assert all(in_both(one["condition"]).values())


def test_they_are_made_once_and_what_a_brand_removes_stays_away():
    made = audiences.make(now=NOW)
    assert len(made) == (18 if vocabulary.known().keys() >= LATER else 15)

    segments.remove(Segment.objects.get(key="staff"), actor="admin:li", now=NOW)

    assert audiences.make(now=NOW) == []
    assert not Segment.objects.filter(key="staff").exists()
    assert all(Segment.objects.values_list("ready", flat=True))


def test_members_are_found_by_them():
    staff, thinking, once = a_member(tenure_years=2), a_member(), a_member()
    an_event(thinking, "cart_add", "2017-09-28")
    an_order(once, "2017-09-20")
    absorbed(now=NOW)
    audiences.make(now=NOW)

    judging.judge(now=NOW)

    found = {(row.segment.key, row.member_id) for row in SegmentMember.objects.select_related("segment")}
    assert {("staff", staff), ("cart-not-bought", thinking), ("first-purchase-only", once)} <= found
    assert ("cart-not-bought", once) not in found
