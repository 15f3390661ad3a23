"""A cause posts once, one by one or as a set; orders earn through the feed; gifts are granted once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection

from cdp import feed
from cdp.models import Event
from config.ground.cause import Cause
from loyalty import prizes
from loyalty.earning import earn_by_orders
from loyalty.errors import ConflictingCause, InvalidPoints, NotReversible, UnknownProgramme
from loyalty.ledger.earn import earn_many
from loyalty.ledger.undo import undo
from loyalty.models import Entry, Leg, Lot, PointsAccount
from loyalty.reconcile import faults
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning, an_order, balance

pytestmark = pytest.mark.django_db


def rows() -> list[tuple]:
    """All that the ledger holds, apart from its ids."""
    entries = Entry.objects.order_by("account__member", "cause").values_list(
        "account__member", "kind", "amount", "cause", "origin", "input_hash", "result", "reason", "occurred_at",
        "legs__from_book", "legs__to_book", "legs__amount", "lot__original", "lot__remaining", "lot__state",
    )  # fmt: skip
    return [*entries, *PointsAccount.objects.order_by("member").values_list("member", "avail")]


def test_an_earning_is_one_entry_one_leg_and_one_lot():
    member = a_member()

    [posted] = earn_many(a_programme(), [an_earning(member, "12.34")], now=NOW)

    assert (posted.balance, posted.new, balance(member)) == (Decimal("12.34"), True, Decimal("12.34"))
    leg, lot = Leg.objects.get(entry=posted.entry), Lot.objects.get(entry=posted.entry)
    assert (leg.from_book, leg.to_book, leg.amount) == ("P:issued", "M:avail", Decimal("12.34"))
    assert (lot.state, lot.original, lot.remaining) == ("active", Decimal("12.34"), Decimal("12.34"))


def test_an_exchange_earns_nothing_more():
    a_programme()
    sold = an_order("A1", 1000)
    exchange = an_order("A2", 5000, exchange_of="A1")

    assert earn_by_orders([sold.pk, exchange.pk], now=NOW) == 1
    assert Entry.objects.get().source_id == sold.pk


def test_the_same_cause_answers_what_it_answered_first():
    programme, member = a_programme(), a_member()
    [first] = earn_many(programme, [an_earning(member, "10", "a")], now=NOW)
    earn_many(programme, [an_earning(member, "5", "b")], now=NOW)
    before = rows()

    [again] = earn_many(programme, [an_earning(member, "10.00", "a")], now=NOW)

    assert again == first._replace(new=False)
    assert again.balance == 10
    assert rows() == before


def test_the_same_cause_with_other_points_is_refused_and_the_whole_set_with_it():
    programme, member = a_programme(), a_member()
    earn_many(programme, [an_earning(member, "10")], now=NOW)
    before = rows()

    with pytest.raises(ConflictingCause):
        earn_many(programme, [an_earning(a_member(), "1"), an_earning(member, "11")], now=NOW)

    assert rows() == before


def test_a_cause_twice_in_one_set_posts_once_and_conflicts_with_itself():
    programme, member = a_programme(), a_member()

    first, again = earn_many(programme, [an_earning(member, "3"), an_earning(member, "3")], now=NOW)

    assert (first.new, again.new, first.entry == again.entry, balance(member)) == (True, False, True, 3)
    with pytest.raises(ConflictingCause):
        earn_many(programme, [an_earning(member, "3", "x"), an_earning(member, "4", "x")], now=NOW)


def test_a_set_leaves_the_same_rows_as_one_by_one():
    programme, members = a_programme(), sorted(a_member() for _ in range(3))
    earnings = [an_earning(m, f"{n}.5", f"{n}") for n in range(1, 5) for m in members]

    with_a_set = earn_many(programme, earnings, now=NOW)
    as_a_set = rows()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM loyalty_leg; DELETE FROM loyalty_lot; DELETE FROM loyalty_entry")
        cursor.execute("DELETE FROM loyalty_pointsaccount")
        cursor.execute("SET session_replication_role = origin")
    one_by_one = [earn_many(programme, [earning], now=NOW)[0] for earning in earnings]

    assert rows() == as_a_set
    assert [p.balance for p in one_by_one] == [p.balance for p in with_a_set]
    assert len(as_a_set) == 12 + 3
    assert balance(members[0]) == Decimal("12.00")


@pytest.mark.parametrize("points", ["0", "-1", "0.001", "NaN", "Infinity", "1E+15", "1E+30"])
def test_points_are_above_zero_with_two_decimals(points):
    with pytest.raises(InvalidPoints):
        earn_many(a_programme(), [an_earning(a_member(), points)], now=NOW)

    assert Entry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_threads_that_race_one_cause_post_it_once():
    programme, members = a_programme(), [a_member() for _ in range(20)]
    start = Barrier(2)

    def race(order: int) -> list[bool]:
        start.wait()
        try:
            return sorted(p.new for p in earn_many(programme, [an_earning(m, "2") for m in members[::order]], now=NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(race, (1, -1)))

    assert answers == [[False] * 20, [True] * 20]
    assert Entry.objects.count() == 20
    assert {balance(m) for m in members} == {Decimal(2)}
    assert faults(now=NOW) == []


def test_orders_earn_through_the_feed_and_a_reader_that_reads_twice_earns_once():
    a_programme("1.5")
    order, free = an_order("A1", 1999), an_order("A2", 0)
    feed.drain(feed.PROFILE, limit=10, now=NOW)

    assert feed.drain("loyalty", limit=10, now=NOW) == 1
    told_again = [feed.Heard("order", o.pk, o.member_id, o.placed_at) for o in (order, free)]
    feed.tell("loyalty", told_again)
    assert feed.drain("loyalty", limit=10, now=NOW) == 1

    entry = Entry.objects.get()  # 19.99 × 1.5 = 29.985, rounded down; nothing for nothing
    assert (entry.amount, entry.kind, entry.source_type, entry.source_id) == (
        Decimal("29.98"),
        "earn",
        "order",
        order.pk,
    )
    assert entry.cause == Cause("earn:main", f"order/{order.pk}").id
    assert balance(order.member_id) == Decimal("29.98")


def test_what_is_earned_is_spoken_of_once():
    member = a_member()
    gift = prizes.Gift(member, Decimal("20"), Cause("journey:critical@1", "5/reward/1"), "come back")
    a_programme()

    assert [prizes.give([gift], now=NOW), prizes.give([gift], now=NOW)] == [1, 0]

    event = Event.objects.get(type="points.earned")
    assert (event.member_id, event.occurred_at) == (member, NOW)
    assert event.properties == {
        "programme": "main", "kind": "grant", "points": "20", "balance": "20.00", "origin": "journey:critical@1",
    }  # fmt: skip
    assert balance(member) == 20


def test_a_gift_of_a_cause_with_other_points_is_refused():
    a_programme()
    gift = prizes.Gift(a_member(), Decimal("20"), Cause("journey:critical@1", "5/reward/1"), "come back")
    prizes.give([gift], now=NOW)

    with pytest.raises(ConflictingCause):
        prizes.give([replace(gift, points=Decimal("21"))], now=NOW)

    assert balance(gift.member) == 20


def test_a_gift_without_a_programme_is_refused_by_name():
    with pytest.raises(UnknownProgramme, match="main"):
        prizes.give([prizes.Gift(a_member(), Decimal("1"), Cause("t", "1"), "t")], now=NOW)


def test_an_undo_takes_back_the_whole_and_only_once():
    programme, member = a_programme(), a_member()
    [given] = earn_many(programme, [an_earning(member, "10")], now=NOW)
    mistake = Cause("admin:li", "undo/1")

    taken = undo(given.entry, cause=mistake, reason="wrong member", now=NOW)
    again = undo(given.entry, cause=mistake, reason="wrong member", now=NOW)

    assert (taken.new, taken.balance, balance(member)) == (True, 0, 0)
    assert again == taken._replace(new=False)
    lot = Lot.objects.get()
    assert (lot.state, lot.remaining, lot.clawed) == ("closed", 0, 10)
    with pytest.raises(NotReversible):
        undo(given.entry, cause=Cause("admin:li", "undo/2"), reason="again", now=NOW)
    with pytest.raises(NotReversible):
        undo(taken.entry, cause=Cause("admin:li", "undo/3"), reason="undo the undo", now=NOW)
    assert faults(now=NOW) == []
