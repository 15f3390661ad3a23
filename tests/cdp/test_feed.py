"""A reader is told once and in order; its effects commit with the row's removal; one poisoned member stops nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import OperationalError, connection, transaction

from cdp import feed
from cdp.models import FeedRow, Interest, Profile
from config.ground.models import Alarm
from tests.builders import a_member, absorbed, an_event, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-02"


@pytest.fixture
def reader(monkeypatch):
    """A reader of this test: it keeps what it hears, and fails for the members in `poison`."""
    return Reader(monkeypatch)


class Reader:
    def __init__(self, monkeypatch):
        self.heard, self.poison, self.broken_by = [], set(), None
        monkeypatch.setitem(feed.READERS._items, "test", self)

    def __call__(self, heard, *, now):
        Profile.objects.filter(member__in={fact.member for fact in heard}).update(
            orders=77
        )  # an effect that must not stay
        if self.broken_by:
            raise self.broken_by
        if broken := self.poison & {fact.member for fact in heard}:
            raise ValueError(f"cannot read {len(broken)}")
        self.heard.append([(fact.member, fact.ref) for fact in heard])


def tell(*facts):
    feed.tell("test", [feed.Heard("order", ref, member, at(when)) for ref, member, when in facts])


def drain(limit=100):
    return feed.drain("test", limit=limit, now=at(NOW))


def left():
    return list(FeedRow.objects.filter(reader="test").order_by("ref").values_list("ref", "failures", "parked"))


def test_each_member_is_heard_in_the_order_in_which_it_happened(reader):
    first, second = a_member(), a_member()
    tell(
        (3, second, "2017-10-01 11:00"),
        (2, first, "2017-10-01 12:00"),
        (1, second, "2017-10-01 09:00"),
        (4, first, "2017-10-01 12:00"),
    )

    assert drain() == 2

    assert reader.heard == [[(first, 2), (first, 4), (second, 1), (second, 3)]]
    assert (left(), drain()) == ([], 0)


def test_a_fact_is_told_once_while_it_waits(reader):
    member = a_member()
    tell((1, member, "2017-10-01"), (1, member, "2017-10-01"))
    tell((1, member, "2017-10-01"))

    drain()

    assert reader.heard == [[(member, 1)]]


def test_a_drain_takes_all_that_waits_for_as_many_members_as_asked(reader):
    members = [a_member() for _ in range(3)]
    tell(*[(n, members[n % 3], "2017-10-01") for n in range(9)])

    assert [drain(limit=2), drain(limit=2), drain(limit=2)] == [2, 1, 0]

    assert [len(batch) for batch in reader.heard] == [6, 3]


@pytest.mark.django_db(transaction=True)
def test_a_poisoned_member_is_parked_after_three_tries_and_the_others_go_on(reader):
    members = [a_member() for _ in range(7)]
    for member in members:
        an_order(member, "2017-10-01")
    feed.drain(feed.PROFILE, limit=100, now=at(NOW))
    reader.poison = {members[4]}
    tell(*[(n, member, "2017-10-01") for n, member in enumerate(members)])

    drain()
    assert left() == [(4, 1, False)]
    assert sorted(fact for batch in reader.heard for fact in batch) == [(m, n) for n, m in enumerate(members) if n != 4]
    assert Profile.objects.get(member=members[4]).orders == 1  # what the failing reader wrote is gone
    assert not Alarm.objects.exists()

    drain()
    drain()
    assert left() == [(4, 3, True)]
    assert Alarm.objects.get().subject == f"feed:test:{members[4]}"
    assert drain() == 0


@pytest.mark.django_db(transaction=True)
def test_a_parked_member_is_heard_by_other_readers(reader):
    member = a_member()
    an_order(member, "2017-10-01")
    tell((1, member, "2017-10-01"))
    FeedRow.objects.filter(reader="test").update(parked=True, failures=3)

    assert feed.drain(feed.PROFILE, limit=10, now=at(NOW)) == 1
    assert drain() == 0


@pytest.mark.django_db(transaction=True)
def test_two_drains_at_once_never_share_a_member(reader):
    members = [a_member() for _ in range(40)]
    tell(*[(n, members[n % 40], "2017-10-01") for n in range(120)])
    together, drains = Barrier(2), []

    def meet(heard, *, now):
        if len(drains) < 2:
            drains.append(1)
            together.wait(10)  # both hold their members now
        reader(heard, now=now)

    feed.READERS._items["test"] = meet

    def work(_n):
        try:
            while feed.drain("test", limit=10, now=at(NOW)):
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))

    told = [fact for batch in reader.heard for fact in batch]
    assert sorted(told) == sorted((members[n % 40], n) for n in range(120))
    assert len(reader.heard) >= 4
    assert all(
        len({m for m, _ref in batch}) * 3 == len(batch) for batch in reader.heard
    )  # a member's rows stay together


@pytest.mark.django_db(transaction=True)
def test_a_drain_passes_by_members_whom_another_holds(reader):
    held, free = a_member(), a_member()
    tell((1, held, "2017-10-01"), (2, free, "2017-10-01"))

    def drain_elsewhere():
        try:
            return drain()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        assert feed._claim("test", [held], 10, now=at(NOW)) == [held]
        assert pool.submit(drain_elsewhere).result(10) == 1

    assert reader.heard == [[(free, 2)]]


def test_listeners_hear_an_event_only_after_the_profile_contains_it():
    member = a_member()
    feed.listen("loyalty", ["order"])
    feed.listen("loyalty", ["order", "browse"])
    order = an_order(member, "2017-10-01 10:00", 500)
    an_event(member, "browse", "2017-10-01 11:00")
    an_event(member, "search", "2017-10-01 12:00")
    assert not FeedRow.objects.filter(reader="loyalty").exists()

    feed.drain(feed.PROFILE, limit=10, now=at(NOW))

    assert Profile.objects.get(member=member).amount == 500
    heard = FeedRow.objects.filter(reader="loyalty").order_by("at").values_list("kind", "at")
    assert list(heard) == [("order", order.placed_at), ("browse", at("2017-10-01 11:00"))]
    assert Interest.objects.filter(reader="loyalty").count() == 2


@pytest.mark.django_db(transaction=True)
def test_history_that_comes_while_a_drain_is_under_way_is_absorbed_after_it():
    """The batch finds a row of its member waiting; the drain takes that row before the batch commits and cannot see its orders."""
    member = a_member()
    feed.drain(feed.PROFILE, limit=10, now=at(NOW))
    an_order(member, "2017-09-01", 100, history=True)

    def drain_elsewhere():
        try:
            return feed.drain(feed.PROFILE, limit=10, now=at(NOW))
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        an_order(member, "2017-09-02", 200, history=True)
        assert pool.submit(drain_elsewhere).result(10) == 1
    assert Profile.objects.get(member=member).amount == 100

    assert feed.drain(feed.PROFILE, limit=10, now=at(NOW)) == 1
    assert Profile.objects.get(member=member).amount == 300


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_is_no_members_fault(reader):
    """The daily turn holds every profile for as long as it takes: whoever has news then waits, and is not parked for it."""
    member = a_member()
    tell((1, member, "2017-10-01"))
    reader.broken_by = OperationalError("canceling statement due to lock timeout")

    for _ in range(feed.TRIES):
        with pytest.raises(OperationalError):
            drain()

    assert left() == [(1, 0, False)]
    reader.broken_by = None
    drain()
    assert reader.heard == [[(member, 1)]]


def test_what_a_fast_clock_dated_into_the_future_is_heard_when_it_has_happened(reader):
    member = a_member()
    tell((1, member, "2017-10-01"), (2, member, "2017-10-02 00:03"))

    assert (drain(), drain()) == (1, 0)
    assert reader.heard == [[(member, 1)]]

    assert feed.drain("test", limit=10, now=at("2017-10-02 00:03")) == 1
    assert reader.heard[1:] == [[(member, 2)]]


def test_an_order_of_a_fast_till_is_in_the_profile_once_its_time_has_come():
    member = a_member()
    an_order(member, "2017-10-02 00:03", now=at(NOW))
    absorbed(now=at(NOW))
    absorbed(now=at("2017-10-02 00:05"))

    assert Profile.objects.get(member=member).orders == 1


def test_a_drain_that_read_the_clock_before_another_pass_still_puts_its_fact_into_the_profile():
    member = a_member()
    an_order(member, "2017-10-01 09:00")
    absorbed(now=at("2017-10-02 00:01"))
    an_order(member, "2017-10-01 10:00")
    absorbed(now=at(NOW))

    profile = Profile.objects.get(member=member)
    assert (profile.orders, profile.as_of) == (2, at("2017-10-02 00:01"))
