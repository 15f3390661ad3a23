"""Two members become one and two again; nothing is lost, and merges never go in circles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdp import identity
from cdp.merging import CannotMerge, merge, root, unmerge
from cdp.models import Identity, Member, Order
from tests.builders import a_member, an_order

pytestmark = pytest.mark.django_db
NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)


def join(keep: int, drop: int, now: datetime = NOW):
    return merge(keep, drop, reason="one person", actor="li", now=now)


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
