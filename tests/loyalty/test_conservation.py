"""Whatever is earned, taken back, merged and parted, in any order: points are neither made nor lost, over all and lot by lot."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from cdp.errors import CannotMerge
from cdp.merging import merge, root, unmerge
from cdp.models import Merge
from config.ground.cause import Cause
from loyalty.errors import NotReversible
from loyalty.ledger.earn import earn_many
from loyalty.ledger.post import Posting, post
from loyalty.ledger.undo import undo
from loyalty.models import Book, Entry, Lot, PointsAccount
from loyalty.reconcile import faults
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning

PEOPLE = 4
who = st.integers(0, PEOPLE - 1)
points = st.integers(1, 5000).map(lambda n: Decimal(n) / 100)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), who, points),
        st.tuples(st.just("owe"), who, points),
        st.tuples(st.just("undo"), st.integers(0, 9)),
        st.tuples(st.just("merge"), who, who),
        st.tuples(st.just("unmerge"), st.integers(0, 9)),
    ),
    max_size=14,
)


class World:
    def __init__(self) -> None:
        self.programme = a_programme()
        self.members = [a_member() for _n in range(PEOPLE)]
        self.entries: list[int] = []
        self.net = Decimal(0)  # what came in, less what was taken back and what is owed

    def earn(self, n: int, who: int, points: Decimal) -> None:
        [posted] = earn_many(self.programme, [an_earning(self.members[who], str(points), f"{n}")], now=NOW)
        self.entries.append(posted.entry)
        self.net += points

    def owe(self, n: int, who: int, points: Decimal) -> None:
        """A debt stands only where nothing is left, as a claw-back leaves it."""
        member = root(self.members[who])
        if PointsAccount.objects.filter(member=member, avail__gt=0).exists():
            return
        cause = Cause("test", f"debt/{n}")
        post(self.programme, Posting(member, "debt_in", points, Book.DEBT, Book.CLAWED, cause, "owed", NOW), now=NOW)
        self.net -= points

    def undo(self, n: int, which: int) -> None:
        if not self.entries:
            return
        entry = self.entries[which % len(self.entries)]
        try:
            posted = undo(entry, cause=Cause("test", f"undo/{entry}"), reason="error", now=NOW)
        except NotReversible:
            return
        if posted.new:
            self.net -= Entry.objects.get(pk=entry).amount

    def merge(self, n: int, keep: int, drop: int) -> None:
        try:
            merge(self.members[keep], self.members[drop], reason="t", actor="li", now=NOW)
        except CannotMerge as refused:
            assert refused.code == "same"

    def unmerge(self, n: int, which: int) -> None:
        if not (made := list(Merge.objects.order_by("pk"))):
            return
        try:
            unmerge(made[which % len(made)].pk, reason="t", actor="li", now=NOW)
        except CannotMerge as refused:
            assert refused.code in ("undone", "not_last")


class Points(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(steps)
    def test_are_conserved(self, taken):
        world = World()
        for n, (verb, *said) in enumerate(taken):
            if (
                verb == "earn"
                and PointsAccount.objects.filter(member=root(world.members[said[0]]), debt__gt=0).exists()
            ):
                continue  # an earning does not pay a debt yet, and the law refuses points beside one
            getattr(world, verb)(n, *said)

            assert faults(now=NOW) == []
            sums = PointsAccount.objects.aggregate(avail=Sum("avail"), pend=Sum("pend"), debt=Sum("debt"))
            assert (sums["avail"] or 0) + (sums["pend"] or 0) - (sums["debt"] or 0) == world.net
        self.lots_are_whole()
        self.nothing_is_left_with_who_was_merged_away(world)

    def lots_are_whole(self):
        """Of each lot that was earned: what its pieces hold, paid and lost is what it began with."""
        for first in Lot.objects.filter(origin_lot=None):
            pieces = [first, *Lot.objects.filter(origin_lot=first)]
            whole = sum(p.remaining + p.drawn + p.expired + p.clawed + p.repaid for p in pieces)
            assert whole == first.original

    def nothing_is_left_with_who_was_merged_away(self, world):
        for member in world.members:
            if root(member) != member:
                left = PointsAccount.objects.filter(member=member).exclude(avail=0, pend=0, held=0, debt=0)
                assert left.count() == 0
