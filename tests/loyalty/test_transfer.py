"""Points of two who become one: lot by lot, nothing made and nothing lost; debts are paid, and do not come back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from cdp.errors import CannotMerge
from cdp.merging import merge, unmerge
from cdp.models import Member
from config.ground.cause import Cause
from loyalty import earning
from loyalty.errors import NotReversible
from loyalty.ledger.earn import earn_many
from loyalty.ledger.post import Posting, post
from loyalty.ledger.undo import undo
from loyalty.models import Book, Entry, Leg, Lot, PointsAccount
from loyalty.reconcile import faults
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning, an_order

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _the_books_agree_after_each_test():
    yield
    assert faults(now=NOW) == []


def two() -> tuple[int, int]:
    return a_member(), a_member()


def join(keep: int, drop: int):
    return merge(keep, drop, reason="one person", actor="li", now=NOW)


def part(made):
    return unmerge(made.pk, reason="two", actor="li", now=NOW + DAY)


def earn(member: int, points: str, key: str, **terms):
    [posted] = earn_many(a_programme(), [an_earning(member, points, key, **terms)], now=NOW)
    return posted


def owe(member: int, points: str) -> None:
    """As a claw-back above what is left leaves it: below zero in the member's book of debts."""
    key = Cause("test", f"owed/{member}")
    post(a_programme(), Posting(member, "debt_in", Decimal(points), Book.DEBT, Book.CLAWED, key, "owed", NOW), now=NOW)


def wait(member: int, points: str, available_at) -> None:
    """Points that cannot be used yet."""
    key = Cause("test", f"waits/{member}")
    pending = Posting(
        member, "earn", Decimal(points), Book.ISSUED, Book.PEND, key, "waits", NOW, available_at=available_at,
        expires_at=available_at + 30 * DAY,
    )  # fmt: skip
    post(a_programme(), pending, now=NOW)


def balances(*members: int) -> list[tuple[Decimal, Decimal, Decimal]]:
    found = {a.member_id: (a.avail, a.pend, a.debt) for a in PointsAccount.objects.all()}
    return [found.get(member, (Decimal(0), Decimal(0), Decimal(0))) for member in members]


def lots(member: int) -> list[tuple]:
    rows = Lot.objects.filter(account__member=member).order_by("pk")
    return list(rows.values_list("state", "original", "remaining", "moved", "repaid", "origin_lot", "expires_at"))


def test_each_lot_goes_with_its_expiry_by_an_entry_and_its_twin():
    keep, drop = two()
    earn(keep, "5", "ours")
    earn(drop, "10", "theirs", expires_at=NOW + 10 * DAY)
    earn(drop, "2.50", "for ever")
    first, second = Lot.objects.filter(account__member=drop).order_by("pk")

    made = join(keep, drop)

    assert balances(keep, drop) == [(Decimal("17.50"), 0, 0), (0, 0, 0)]
    assert lots(drop) == [
        ("closed", 10, 0, 10, 0, None, NOW + 10 * DAY),
        ("closed", Decimal("2.50"), 0, Decimal("2.50"), 0, None, None),
    ]
    assert lots(keep)[1:] == [
        ("active", 10, 10, 0, 0, first.pk, NOW + 10 * DAY),
        ("active", Decimal("2.50"), Decimal("2.50"), 0, 0, second.pk, None),
    ]
    moves = Entry.objects.filter(source_type="merge", source_id=made.pk)
    assert list(moves.order_by("pk").values_list("account__member", "kind", "amount")) == [
        (drop, "move_out", 10), (keep, "move_in", 10), (drop, "move_out", Decimal("2.50")), (keep, "move_in", Decimal("2.50")),
    ]  # fmt: skip
    legs = Leg.objects.filter(entry__in=moves).order_by("entry")
    assert list(legs.values_list("from_book", "to_book"))[:2] == [("M:avail", "P:moved"), ("P:moved", "M:avail")]
    assert made.moved["loyalty.Lot"] == [first.pk, second.pk]


def test_pending_points_go_over_pending():
    keep, drop = two()
    wait(drop, "7", NOW + 3 * DAY)

    made = join(keep, drop)

    assert balances(keep, drop) == [(0, 7, 0), (0, 0, 0)]
    lot = Lot.objects.get(account__member=keep)
    assert (lot.state, lot.available_at, lot.expires_at) == ("pending", NOW + 3 * DAY, NOW + 33 * DAY)
    part(made)
    assert balances(keep, drop) == [(0, 0, 0), (0, 7, 0)]


@pytest.mark.parametrize(
    ("has", "owes", "then", "rest"),
    [("10", "4", "6.00", "0.00"), ("4", "10", "0.00", "6.00"), ("10", "10", "0.00", "0.00")],
)
@pytest.mark.parametrize("who_owes", ["drop", "keep"])
def test_the_points_of_one_pay_the_debt_of_the_other(has, owes, then, rest, who_owes):
    keep, drop = two()
    debtor, owner = (drop, keep) if who_owes == "drop" else (keep, drop)
    earn(owner, has, "points")
    owe(debtor, owes)

    made = join(keep, drop)

    assert balances(keep, drop) == [(Decimal(then), 0, Decimal(rest)), (0, 0, 0)]
    part(made)
    came_back = Decimal(then) if owner == drop else Decimal(0)
    assert balances(keep, drop) == [(Decimal(then) - came_back, 0, Decimal(rest)), (came_back, 0, 0)]


def test_the_soonest_to_expire_pay_first():
    keep, drop = two()
    earn(keep, "5", "for ever")
    earn(keep, "5", "late", expires_at=NOW + 20 * DAY)
    earn(keep, "5", "soon", expires_at=NOW + 10 * DAY)
    owe(drop, "8")

    join(keep, drop)

    assert [(remaining, repaid) for _s, _o, remaining, _m, repaid, _l, _e in lots(keep)] == [(5, 0), (2, 3), (0, 5)]


def test_what_is_left_of_the_lots_goes_back_and_what_was_earned_since_stays():
    keep, drop = two()
    earn(drop, "10", "theirs")
    made = join(keep, drop)
    earn(keep, "3", "since")

    part(made)

    assert balances(keep, drop) == [(3, 0, 0), (10, 0, 0)]
    origin = Lot.objects.filter(account__member=drop).order_by("pk")[0]
    assert lots(drop)[1] == ("active", 10, 10, 0, 0, origin.pk, None)


def test_a_lot_that_moved_twice_comes_back_twice():
    a, b, c = a_member(), a_member(), a_member()
    earn(a, "10", "a")
    first = join(b, a)
    second = join(c, b)
    assert balances(a, b, c) == [(0, 0, 0), (0, 0, 0), (10, 0, 0)]

    part(second)
    assert balances(a, b, c) == [(0, 0, 0), (10, 0, 0), (0, 0, 0)]
    part(first)

    assert balances(a, b, c) == [(10, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert set(Lot.objects.filter(origin_lot__isnull=False).values_list("origin_lot", flat=True)) == {
        Lot.objects.earliest("pk").pk
    }


def test_what_is_meant_for_who_was_merged_away_comes_to_who_stands_and_no_cause_posts_to_both():
    keep, drop = two()
    earned = earn(drop, "10", "a cause")
    made = join(keep, drop)

    assert earn(drop, "10", "a cause") == earn(keep, "10", "a cause") == earned._replace(new=False)
    assert earn(drop, "1", "another").new
    assert balances(keep, drop) == [(11, 0, 0), (0, 0, 0)]

    part(made)

    assert not earn(drop, "1", "another").new
    assert balances(keep, drop) == [(1, 0, 0), (10, 0, 0)]


def test_points_of_an_order_that_returns_return_with_it_and_it_never_earns_again():
    from_shop = [an_order("A1", 1000, person="1"), an_order("A2", 2000, person="2")]
    keep, drop = (order.member_id for order in from_shop)
    made = join(keep, drop)
    during = an_order("A3", 3000, person="2")
    a_programme()
    orders = [*(order.pk for order in from_shop), during.pk]
    assert earning.earn_by_orders(orders, now=NOW) == 3
    assert balances(keep, drop) == [(60, 0, 0), (0, 0, 0)]

    part(made)

    assert balances(keep, drop) == [(10, 0, 0), (50, 0, 0)]
    assert earning.earn_by_orders(orders, now=NOW) == 0
    assert balances(keep, drop) == [(10, 0, 0), (50, 0, 0)]


def test_an_undo_follows_the_points_to_where_they_are():
    keep, drop = two()
    given = earn(drop, "10", "in error")
    made = join(keep, drop)

    taken = undo(given.entry, cause=Cause("admin:li", "1"), reason="error", now=NOW)
    again = undo(given.entry, cause=Cause("admin:li", "1"), reason="error", now=NOW)

    assert again == taken._replace(new=False)
    assert balances(keep, drop) == [(0, 0, 0), (0, 0, 0)]
    assert Entry.objects.get(pk=taken.entry).account.member_id == keep
    part(made)
    assert balances(keep, drop) == [(0, 0, 0), (0, 0, 0)]
    assert undo(given.entry, cause=Cause("admin:li", "1"), reason="error", now=NOW) == again


def test_an_undo_is_refused_when_the_points_that_moved_are_not_whole_and_for_the_moves_themselves():
    keep, drop = two()
    given = earn(drop, "10", "in error")
    owe(keep, "4")
    join(keep, drop)

    with pytest.raises(NotReversible, match=r"only 6\.00 remain"):
        undo(given.entry, cause=Cause("admin:li", "1"), reason="error", now=NOW)
    for move in Entry.objects.filter(kind__in=["move_out", "move_in", "repay"]):
        with pytest.raises(NotReversible, match="undo the merge"):
            undo(move.pk, cause=Cause("admin:li", f"move/{move.pk}"), reason="error", now=NOW)


def test_held_points_keep_members_apart_until_they_are_taken_or_released():
    keep, drop = two()
    earn(drop, "10", "theirs")
    with pytest.raises(CannotMerge) as refused, transaction.atomic():
        PointsAccount.objects.filter(member=drop).update(avail=4, held=6)
        join(keep, drop)

    assert refused.value.code == "points_held"
    assert Member.objects.filter(merged_into__isnull=False).count() == 0
    assert balances(keep, drop) == [(0, 0, 0), (10, 0, 0)]


def test_members_without_points_are_merged_and_nothing_is_posted():
    a_programme()
    part(join(*two()))

    assert Entry.objects.count() == 0


def test_a_transfer_that_does_not_arrive_is_named():
    keep, drop = two()
    earn(drop, "10", "theirs")
    made = join(keep, drop)
    lot = Lot.objects.get(account__member=drop)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM loyalty_leg WHERE from_book = 'P:moved'")
        cursor.execute("UPDATE loyalty_lot SET origin_lot_id = NULL")
        with translation.override("en"):
            found = faults(now=NOW)
        assert f"merge {made.pk}: 10.00 points left one account and did not come to the other" in found
        assert f"lot {lot.pk}: 10.00 of its points moved away, 0 came to other accounts" in found
        raise IntegrityError  # put it back
