"""Whatever comes in, is joined, parted, given back and erased, in whatever order: an identity names one member, every sum is the
sum of what came in, points are conserved, and nothing personal is left of who was erased. When all that were joined have parted
again, each has its own: identities, orders, events, tags, and its word.
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
from cdp.models import Identity, Member, Merge, Parked, Profile
from loyalty import programmes, reconcile
from tests.builders import absorbed, at
from tests.cdp.owners import Owners, named
from tests.cdp.persons import a_source

pytestmark = pytest.mark.django_db
PEOPLE = 4
who = st.integers(0, PEOPLE - 1)
either = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), who, st.integers(1, 9_999)),
        st.tuples(st.just("event"), who, st.just(0)),
        st.tuples(st.just("seen"), either, st.just(0)),  # by nothing but a device
        st.tuples(st.just("member"), who, who),  # who names somebody's phone too
        st.tuples(st.just("joined"), who, who),  # the same, by a source that is trusted to join
        st.tuples(st.just("stood"), who, either),  # somebody at a device
        st.tuples(st.just("tagged"), who, either),
        st.tuples(st.just("granted"), who, either),
        st.tuples(st.just("withdrawn"), who, either),
        st.tuples(st.just("again"), st.just(0), st.just(0)),
        st.tuples(st.just("refund"), st.integers(0, 5), st.integers(1, 5_000)),
        st.tuples(st.just("merge"), who, who),
        st.tuples(st.just("unmerge"), st.just(0), st.just(0)),
        st.tuples(st.just("erase"), who, st.just(0)),
        st.tuples(st.just("absorb"), st.just(0), st.just(0)),
    ),
    max_size=14,
)


def crm(n: int) -> str:
    return f"crm_id:c{n}"


def phone(n: int) -> str:
    return f"phone:1390000000{n}"


def device(n: int) -> str:
    return f"device@app:{n}"


class Shop:
    """Does the steps, and keeps its own books of what was accepted and of whom it is."""

    def __init__(self) -> None:
        self.now = at("2017-10-01 12:00")
        self.sold: list[tuple[str, int]] = []
        self.back: dict[str, int] = {}
        self.told = self.named = self.number = 0  # events; those by what names a person; steps
        self.erased = False  # with whom events go that wait for a device of theirs
        self.last: tuple[str, dict, str] | None = None
        self.owners = Owners()
        a_source("erp", "trusted")
        programmes.start(points_per_unit=Decimal(1), now=self.now)
        feed.listen("loyalty", ["order"])

    def step(self, verb: str, one: int, other: int) -> None:
        self.now += timedelta(minutes=1)
        self.number += 1
        getattr(self, f"_{verb}")(one, other)

    def _take(self, kind: str, source: str = "shop", **row) -> int:
        self.last = kind, row, source
        self.owners.before()
        return accept(kind, [row], source=source, now=self.now).accepted

    def _again(self, _one: int, _other: int) -> None:
        if self.last:
            kind, row, source = self.last
            self.owners.before()
            answer = accept(kind, [row], source=source, now=self.now)
            if kind == "members":
                self._is_of(row)
            elif kind != "refunds":
                assert (answer.accepted, answer.duplicates) == (0, 1)

    def _order(self, one: int, amount: int) -> None:
        row = {"id": f"A{self.number}", "identities": [phone(one)], "placed_at": self.now.isoformat()}
        assert self._take("orders", **row, amount=amount, currency="CNY") == 1
        self.owners.came(phone(one))
        self.sold.append((row["id"], amount))

    def _event(self, one: int, _other: int) -> None:
        self.named += self._tell([phone(one)])
        self.told += 1
        self.owners.came(phone(one))

    def _seen(self, one: int, _other: int) -> None:
        self.told += self._tell([device(one)])

    def _tell(self, names: list[str]) -> int:
        row = {"id": f"E{self.number}", "type": "browse", "identities": names, "properties": {"text": "张三"}}
        return self._take("events", **row, occurred_at=self.now.isoformat())

    def _member(self, one: int, other: int) -> None:
        self._say(crm(one), phone(other))

    def _joined(self, one: int, other: int) -> None:
        self._say(crm(one), phone(other), source="erp")

    def _stood(self, one: int, other: int) -> None:
        self._say(crm(one), device(other))

    def _tagged(self, one: int, other: int) -> None:
        self._say((crm, phone)[other](one), tags=[f"preference:{self.number % 2}"])

    def _granted(self, one: int, other: int, state: str = "granted") -> None:
        word = {"channel": "sms", "purpose": "marketing", "state": state, "at": self.now.isoformat()}
        self._say((crm, phone)[other](one), consents=[word])

    def _withdrawn(self, one: int, other: int) -> None:
        self._granted(one, other, "withdrawn")

    def _say(self, *names: str, source: str = "shop", **said) -> None:
        self._take("members", source, identities=list(names), attributes={"name": "张三"}, **said)
        assert self.last
        self._is_of(self.last[1])

    def _is_of(self, row: dict) -> None:
        person = self.owners.came(*row["identities"])
        for tag in row.get("tags", ()):
            self.owners.tags.add((person, tag.partition(":")[2]))
        for word in row.get("consents", ()):
            self.owners.said(person, word["at"], word["state"])

    def _refund(self, nth: int, amount: int) -> None:
        if nth < len(self.sold):
            order = self.sold[nth][0]
            row = {"id": f"R{self.number}", "order_id": order, "refunded_at": self.now.isoformat()}
            if self._take("refunds", **row, amount=amount):
                self.back[order] = self.back.get(order, 0) + amount

    def _merge(self, one: int, other: int) -> None:
        found = [identity.find("crm_id", f"{n}") or identity.find("phone", f"1390000000{n}") for n in (one, other)]
        if None not in found:
            with suppress(CannotMerge):
                merging.merge(*found, reason="张三", actor="test", now=self.now)

    def _unmerge(self, _one: int, _other: int) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last:
            self._undo(last)

    def part_all(self) -> None:
        for made in Merge.objects.filter(undone_at=None).order_by("-pk"):
            self._undo(made)

    def _undo(self, made: Merge) -> None:
        try:
            merging.unmerge(made.pk, reason="张三", actor="test", now=self.now)
        except CannotMerge as refusal:
            assert refusal.code in ("erased", "points_held", "not_last")

    def _erase(self, one: int, _other: int) -> None:
        found = identity.find("phone", f"1390000000{one}")
        if found:
            names = {name for name, member in named(self.owners.of).items() if member == found}
            erasure.erase(found, reason="asked", actor="test", asked_at=self.now, now=self.now)
            self.owners.gone(names)
            self.erased = True

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
        for step in (
            ("member", 0, 0),
            ("member", 1, 1),
            ("merge", 0, 1),
            *steps,
        ):  # so that much is told of two who are one
            shop.step(*step)
        absorbed(now=shop.now)
        the_sums_are_right(shop)

        shop.part_all()

        absorbed(now=shop.now)
        the_sums_are_right(shop)
        shop.owners.check()
        for table in ("cdp_order", "cdp_event"):  # whoever has the identity that brought it; under a tombstone it stays
            astray = f"""SELECT count(*) FROM {table} f JOIN cdp_identity i ON i.id = f.identity_id
                         JOIN cdp_member m ON m.id = f.member_id AND m.erased_at IS NULL
                         WHERE i.member_id <> f.member_id AND i.weak_since IS NULL"""
            assert shop.owners.unsure or value(astray) == 0
        transaction.set_rollback(True)


def the_sums_are_right(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would look at

    assert value("SELECT coalesce(sum(amount), 0) FROM cdp_order") == sum(amount for _id, amount in shop.sold)
    assert value("SELECT count(*) FROM cdp_order WHERE member_id IS NULL") == 0
    assert value("SELECT coalesce(sum(refunded), 0) FROM cdp_order") == sum(shop.back.values())
    stored = value("SELECT count(*) FROM cdp_event WHERE type = 'browse'")
    waiting = Parked.objects.filter(kind="event").count()
    assert stored + waiting == shop.told or (shop.erased and shop.named <= stored + waiting < shop.told)
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
