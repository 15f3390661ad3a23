"""Two at the same moment: one has written and not committed when the other looks. Nobody is made twice, joined wrongly, or missed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

import pytest
from django.db import connection, transaction

from cdp import candidates, joining, merging
from cdp.models import Event, Identity, IdentityUse, Member, Merge, MergeCandidate, Order, Parked, Seen
from config.ground.models import Alarm
from tests.builders import at
from tests.cdp.persons import (
    NOW,
    a_source,
    at_once,
    event,
    order,
    pairs,
    send,
    tell,
    whose,
)  # fmt: skip
from tests.racing import somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)
PHONE, MAIL, DEVICE = "phone:13900000001", "email:li@example.com", "device@web:D1"


def behind(first, second):
    """`second` runs when `first` has done its work and not committed; it waits for that commit, and answers after it."""
    done, go_on = Signal(), Signal()

    def competitor():
        try:
            with transaction.atomic():
                answer = first()
                done.set()
                assert go_on.wait(20)
            return answer
        finally:
            connection.close()

    def follower():
        try:
            return second()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(competitor)
        assert done.wait(20)
        theirs = pool.submit(follower)
        try:
            somebody_waits()
        finally:
            go_on.set()
        return ours.result(30), theirs.result(30)


def test_two_partners_that_name_a_new_person_at_once_make_one_member_of_all_they_said():
    behind(lambda: tell([PHONE, MAIL], source="shop"), lambda: tell(["pos_card:7", PHONE], source="till"))

    assert whose(PHONE) == whose(MAIL) == whose("pos_card:7") == Member.objects.get().pk
    assert dict(Identity.objects.values_list("kind", "source__code")) == {
        "phone": "shop", "email": "shop", "pos_card": "till",
    }  # fmt: skip


def test_an_untrusted_partner_that_comes_second_adds_nothing_to_whom_the_first_made():
    a_source("partner", "untrusted")

    behind(
        lambda: tell(["crm_id:1", PHONE]),
        lambda: send("orders", order("A1", PHONE, MAIL, "pos_card:7"), source="partner"),
    )

    assert Member.objects.count() == 2
    assert Order.objects.get().member_id == whose(PHONE) == whose("crm_id:1")
    assert whose(MAIL) == whose("pos_card:7") != whose(PHONE)
    assert pairs() == [(*sorted((whose(PHONE), whose(MAIL))), "open")]


def test_two_that_give_a_member_a_number_each_make_two_members():
    tell([PHONE], source="till")

    behind(lambda: tell(["crm_id:1", PHONE]), lambda: tell(["crm_id:2", PHONE]))

    assert whose("crm_id:1") == whose(PHONE) != whose("crm_id:2")
    assert pairs() == [(whose(PHONE), whose("crm_id:2"), "open")]


def test_an_untrusted_partner_sees_what_another_tells_of_its_member_at_the_moment():
    a_source("partner", "untrusted")
    tell([PHONE], source="partner")

    behind(lambda: tell(["crm_id:1", PHONE]), lambda: tell([PHONE, MAIL], source="partner"))

    assert whose("crm_id:1") == whose(PHONE) != whose(MAIL)


def test_a_batch_that_waits_for_a_merge_writes_to_whom_it_leaves():
    tell(["crm_id:1"], [PHONE])
    keep, drop = whose("crm_id:1"), whose(PHONE)

    behind(
        lambda: merging.merge(keep, drop, reason="one person", actor="li", now=at(NOW)),
        lambda: send("orders", order("A1", PHONE, MAIL), source="shop"),
    )

    assert Order.objects.get().member_id == whose(MAIL) == keep
    assert Member.objects.count() == 2


def test_a_merge_that_waits_for_a_batch_moves_what_it_brought():
    tell(["crm_id:1"], [PHONE])
    keep, drop = whose("crm_id:1"), whose(PHONE)

    behind(
        lambda: send("orders", order("A1", PHONE, MAIL), source="shop"),
        lambda: merging.merge(keep, drop, reason="one person", actor="li", now=at(NOW)),
    )

    assert Order.objects.get().member_id == whose(MAIL) == keep


def test_two_batches_that_join_the_same_pair_join_it_once():
    a_source("erp", "trusted")
    a_source("mall", "trusted")
    for n in range(8):
        tell([f"crm_id:c{n}"], [f"phone:1390000000{n}"])
        names = (f"crm_id:c{n}", f"phone:1390000000{n}")
        at_once(("orders", [order(f"E{n}", *names)], "erp"), ("orders", [order(f"M{n}", *names)], "mall"))

    assert {state for _low, _high, state in pairs()} == {"joined"}
    assert (Merge.objects.count(), MergeCandidate.objects.count()) == (8, 8)
    assert not Alarm.objects.exists()
    assert set(Order.objects.values_list("member", flat=True)) == {whose(f"crm_id:c{n}") for n in range(8)}


def test_a_pair_that_two_ticks_find_is_joined_once():
    tell(["crm_id:1"], [PHONE])
    tell(["crm_id:1", PHONE], source="shop")
    MergeCandidate.objects.update(state="due")

    first, second = behind(
        lambda: joining.join_due(now=at(NOW)),
        lambda: joining.join_due(list(MergeCandidate.objects.values_list("pk", flat=True)), now=at(NOW)),
    )

    assert (first, second) == (1, 0)
    assert [state for _low, _high, state in pairs()] == ["joined"]
    assert joining.join_due(now=at(NOW)) == 0
    assert not Alarm.objects.exists()


def test_a_pair_that_a_person_keeps_apart_while_a_tick_joins_it_stays_apart():
    tell(["crm_id:1"], [PHONE])
    tell(["crm_id:1", PHONE], source="shop")
    MergeCandidate.objects.update(state="due")
    pair = MergeCandidate.objects.get().pk

    _kept, joined = behind(
        lambda: candidates.dismiss(pair, actor="li", now=at(NOW)), lambda: joining.join_due(now=at(NOW))
    )

    assert joined == 0
    assert [state for _low, _high, state in pairs()] == ["dismissed"]
    assert whose("crm_id:1") != whose(PHONE)
    assert not Merge.objects.exists()
    assert not Alarm.objects.exists()


def test_the_cap_is_seen_by_whoever_reaches_it_second():
    tell(["crm_id:1", PHONE], ["crm_id:2", PHONE])

    behind(lambda: tell(["crm_id:3", PHONE]), lambda: tell(["crm_id:4", PHONE]))

    phone = Identity.objects.get(kind="phone")
    assert (phone.weak_since is not None, IdentityUse.objects.count(), Alarm.objects.count()) == (True, 3, 1)
    assert {state for _low, _high, state in pairs()} == {"overtaken"}


@pytest.mark.parametrize("event_first", [True, False])
def test_an_event_and_its_member_at_the_same_moment_find_each_other(event_first):
    calls = [lambda: send("events", event("E1", DEVICE), source="web"), lambda: tell(["crm_id:1", DEVICE])]

    behind(*(calls if event_first else reversed(calls)))

    assert Event.objects.values_list("member", flat=True).get() == whose("crm_id:1")
    assert Parked.objects.count() == 0


def test_many_events_and_members_at_once_miss_nobody_and_wait_in_no_ring():
    for n in range(5):
        names = [f"{n}-{i}" for i in range(20)]
        events = [event(name, f"device@web:{name}") for name in names]
        members = [{"identities": [f"crm_id:c{name}", f"device@web:{name}"]} for name in names]
        answers = at_once(
            ("events", events[:12], "web"),
            ("events", events[12:][::-1], "web"),
            ("members", members[:12], "crm"),
            ("members", members[12:][::-1], "crm"),
        )
        assert sum(answer.accepted for answer in answers) == 40

    assert (Event.objects.filter(member__isnull=False).count(), Parked.objects.count()) == (100, 0)


def test_fifty_posts_of_one_batch_store_it_once():
    rows = [order(f"A{n}", f"crm_id:c{n % 7}", f"phone:1390000000{n % 7}") for n in range(30)]

    answers = at_once(*[("orders", rows, "crm")] * 50)

    assert sum(answer.accepted for answer in answers) == 30
    assert sum(answer.duplicates for answer in answers) == 49 * 30
    assert (Order.objects.count(), Seen.objects.count(), Member.objects.count(), Identity.objects.count()) == (
        30, 30, 7, 14,
    )  # fmt: skip


def test_batches_of_every_kind_over_the_same_members_end_without_a_deadlock():
    """Members that grow, members that are described, pairs that meet, a kiosk: in opposite orders, all at once."""
    a_source("erp", "trusted")
    tell(*[[f"crm_id:c{n}"] for n in range(12)], *[[f"phone:139000000{n:02}"] for n in range(12)])
    for n in range(4):
        growing = [{"identities": [f"crm_id:c{m}", f"pos_card:{n}-{m}", "device@kiosk:K"]} for m in range(12)]
        both = [order(f"{n}-{m}", f"crm_id:c{m}", f"phone:139000000{m:02}") for m in range(12)]
        visits = [event(f"{n}-{m}", f"phone:139000000{m:02}", f"device@web:{n}-{m}") for m in range(12)]
        answers = at_once(
            ("members", growing, "crm"), ("members", growing[::-1], "till"), ("orders", both, "erp"),
            ("orders", both[::-1], "mall"), ("events", visits, "web"), ("events", visits[::-1], "app"),
        )  # fmt: skip
        assert [answer.rejected for answer in answers] == [[]] * 6

    assert {whose(f"crm_id:c{m}") for m in range(12)} == {whose(f"phone:139000000{m:02}") for m in range(12)}
    assert Identity.objects.get(app="kiosk").weak_since is not None
