"""Whatever comes in, is joined, parted, given back and erased, in whatever order: an identity names one member, every sum is the
sum of what came in, points are conserved, and nothing personal is left of who was erased.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp import erasure, feed, identity, merging
from cdp.errors import CannotMerge
from cdp.ingest.accept import accept
from cdp.models import Identity, Member, Merge, Profile
from loyalty import programmes, reconcile
from tests.builders import absorbed, at

pytestmark = pytest.mark.django_db
PEOPLE = 4
who = st.integers(0, PEOPLE - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), who, st.integers(1, 9_999)),
        st.tuples(st.just("event"), who, st.just(0)),
        st.tuples(st.just("member"), who, who),  # who names somebody's phone too
        st.tuples(st.just("refund"), st.integers(0, 5), st.integers(1, 5_000)),
        st.tuples(st.just("merge"), who, who),
        st.tuples(st.just("unmerge"), st.just(0), st.just(0)),
        st.tuples(st.just("erase"), who, st.just(0)),
        st.tuples(st.just("absorb"), st.just(0), st.just(0)),
    ),
    max_size=14,
)


class Shop:
    """Does the steps, and keeps its own books of what was accepted."""

    def __init__(self) -> None:
        self.now = at("2017-10-01 12:00")
        self.sold: list[tuple[str, int]] = []
        self.back: dict[str, int] = {}
        self.told = self.number = 0
        programmes.start(points_per_unit=Decimal(1), now=self.now)
        feed.listen("loyalty", ["order"])

    def step(self, verb: str, one: int, other: int) -> None:
        self.now += timedelta(minutes=1)
        self.number += 1
        getattr(self, f"_{verb}")(one, other)

    def _take(self, kind: str, **row) -> int:
        return accept(kind, [row], source="shop", now=self.now).accepted

    def _order(self, one: int, amount: int) -> None:
        row = {"id": f"A{self.number}", "identities": [f"phone:1390000000{one}"], "placed_at": self.now.isoformat()}
        assert self._take("orders", **row, amount=amount, currency="CNY") == 1
        self.sold.append((row["id"], amount))

    def _event(self, one: int, _other: int) -> None:
        row = {"id": f"E{self.number}", "type": "browse", "identities": [f"phone:1390000000{one}"]}
        self.told += self._take("events", **row, occurred_at=self.now.isoformat(), properties={"text": "张三"})

    def _member(self, one: int, other: int) -> None:
        named = [f"crm_id:{one}", f"phone:1390000000{other}"]
        self._take("members", identities=named, attributes={"name": "张三"})

    def _refund(self, nth: int, amount: int) -> None:
        if nth < len(self.sold):
            order = self.sold[nth][0]
            row = {"id": f"R{self.number}", "order_id": order, "refunded_at": self.now.isoformat()}
            if self._take("refunds", **row, amount=amount):
                self.back[order] = self.back.get(order, 0) + amount

    def _merge(self, one: int, other: int) -> None:
        found = [identity.find("phone", f"1390000000{n}") for n in (one, other)]
        if None not in found:
            with suppress(CannotMerge):
                merging.merge(*found, reason="张三", actor="test", now=self.now)

    def _unmerge(self, _one: int, _other: int) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last:
            try:
                merging.unmerge(last.pk, reason="张三", actor="test", now=self.now)
            except CannotMerge as refusal:
                assert refusal.code in ("erased", "points_held", "not_last")

    def _erase(self, one: int, _other: int) -> None:
        found = identity.find("phone", f"1390000000{one}")
        if found:
            erasure.erase(found, reason="asked", actor="test", asked_at=self.now, now=self.now)

    def _absorb(self, _one: int, _other: int) -> None:
        absorbed(now=self.now)


def value(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_the_laws_hold_whatever_happens(steps):
    with transaction.atomic():
        shop = Shop()
        for step in steps:
            shop.step(*step)
        absorbed(now=shop.now)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would look at

        assert value("SELECT coalesce(sum(amount), 0) FROM cdp_order") == sum(amount for _id, amount in shop.sold)
        assert value("SELECT count(*) FROM cdp_order WHERE member_id IS NULL") == 0
        assert value("SELECT coalesce(sum(refunded), 0) FROM cdp_order") == sum(shop.back.values())
        assert value("SELECT count(*) FROM cdp_event WHERE type = 'browse'") == shop.told
        earned = sum(Decimal(amount) / 100 for _id, amount in shop.sold)
        assert value("SELECT coalesce(sum(avail), 0) FROM loyalty_pointsaccount") == earned
        assert reconcile.faults(now=shop.now) == []
        gone = set(Member.objects.exclude(erased_at=None).values_list("pk", flat=True))
        away = set(Member.objects.exclude(merged_into=None).values_list("pk", flat=True))
        assert not Identity.objects.filter(member__in=gone | away).exists()
        assert not Profile.objects.filter(member__in=gone | away).exists()
        assert not Member.objects.filter(pk__in=gone).exclude(attributes={}).exists()
        named = "SELECT count(*) FROM cdp_event e JOIN cdp_member m ON m.id = e.member_id WHERE m.erased_at IS NOT NULL"
        assert value(f"{named} AND e.properties::text LIKE '%%张三%%'") == 0
        transaction.set_rollback(True)
