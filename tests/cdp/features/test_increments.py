"""Whatever happens in whatever order, touching only whom it concerns gives the rows that everybody from all facts would give; and
the instant noted as the next change is exactly the next change.
"""

from __future__ import annotations

import random
from contextlib import suppress
from copy import copy
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cdp import daily, identity, merging, placement, population, profiles
from cdp.errors import CannotMerge
from cdp.features import families
from cdp.ingest.accept import accept
from cdp.models import Event, MemberTag, Merge, Placement, PopulationRun, Profile, Tag
from config.ground import clock
from tests.builders import a_member, absorbed, an_event, an_order, at

pytestmark = pytest.mark.django_db
BYSTANDERS, PEOPLE = 24, 4
EVENTS = ("login", "search", "browse", "favourite", "unfavourite", "review", "redemption", "campaign_received")
who = st.integers(0, PEOPLE - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), who, st.integers(0, 99_999)),
        st.tuples(st.just("late"), who, st.integers(1, 500)),
        st.tuples(st.just("refund"), st.integers(0, 5), st.sampled_from([1, 500, 0])),
        st.tuples(st.just("event"), who, st.integers(0, len(EVENTS) - 1)),
        st.tuples(st.just("tag"), who, st.integers(1, 60)),
        st.tuples(st.just("merge"), who, who),
        st.tuples(st.just("unmerge"), st.just(0), st.just(0)),
        st.tuples(st.just("days"), st.sampled_from([0, 1, 1, 3, 29, 31, 100]), st.sampled_from([0, 7, 23])),
        st.tuples(st.just("hours"), st.just(0), st.integers(1, 12)),
    ),
    min_size=3,
    max_size=16,
)


def rows():
    """All that is computed; when it was is another matter."""
    return {
        family.table.__name__: [
            {name: value for name, value in row.items() if name != "as_of"}
            for row in family.table.objects.order_by("pk").values()
        ]
        for family in families.ALL
    }


def anew(now):
    """The same from nothing."""
    for family in families.ALL:
        family.table.objects.all().delete()
    daily.recompute(as_of=now, quiet=True)
    return rows()


@pytest.fixture
def shop():
    return Shop()


class Shop:
    def __init__(self) -> None:
        self.now = at("2017-01-10 09:00")
        self.sold: list[tuple[str, int]] = []
        self.number = 0
        self.passes: list[int | None] = []
        for n in range(BYSTANDERS):  # who bought long ago at a steady pace: they keep the base, and are seldom due
            member = a_member(crm_id=f"by-{n}")
            for days in (420, 400, 380):
                an_order(member, self.now - timedelta(days=days + n), 100 * n, history=True)
        self._days(0, 0)

    def step(self, verb: str, one: int, other: int) -> None:
        self.now += timedelta(minutes=1)
        self.number += 1
        getattr(self, f"_{verb}")(one, other)

    def _take(self, kind: str, **row) -> int:
        return accept(kind, [row], source="shop", now=self.now).accepted

    def _sell(self, one: int, amount: int, placed) -> None:
        row = {"id": f"A{self.number}", "identities": [f"crm_id:p-{one}"], "placed_at": placed.isoformat()}
        items = [{"sku": "tea", "category": ["茶", "绿茶"], "quantity": 1, "amount": amount, "discount": amount // 10}]
        self._take("orders", **row, amount=amount, currency="CNY", channel="app", items=items)
        self.sold.append((row["id"], amount))

    def _order(self, one: int, amount: int) -> None:
        self._sell(one, amount, self.now)

    def _late(self, one: int, days: int) -> None:
        self._sell(one, 7_000, self.now - timedelta(days=days))

    def _refund(self, nth: int, amount: int) -> None:
        if nth < len(self.sold):
            order, whole = self.sold[nth]
            row = {"id": f"R{self.number}", "order_id": order, "refunded_at": self.now.isoformat()}
            self._take("refunds", **row, amount=amount or max(whole, 1))

    def _event(self, one: int, kind: int) -> None:
        row = {"id": f"E{self.number}", "type": EVENTS[kind], "identities": [f"crm_id:p-{one}"]}
        said = {"query": "绿茶", "seconds": 9, "sku": "tea", "rating": 4, "kind": "virtual", "category": "咖啡"}
        self._take("events", **row, occurred_at=self.now.isoformat(), properties=said)

    def _tag(self, one: int, days: int) -> None:
        member = identity.find("crm_id", f"p-{one}")
        if member:
            tag, _new = Tag.objects.get_or_create(family="behaviour", name="test")
            until = {"since": self.now, "expires_at": self.now + timedelta(days=days)}
            MemberTag.objects.update_or_create(member_id=member, tag=tag, defaults=until | {"origin": "test"})
            profiles.refresh([member], as_of=self.now)
            placement.place([member], as_of=self.now)

    def _merge(self, one: int, other: int) -> None:
        found = [identity.find("crm_id", f"p-{n}") for n in (one, other)]
        if None not in found:
            with suppress(CannotMerge):
                merging.merge(*found, reason="one", actor="test", now=self.now)

    def _unmerge(self, _one: int, _other: int) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last:
            with suppress(CannotMerge):
                merging.unmerge(last.pk, reason="two", actor="test", now=self.now)

    def _days(self, days: int, hour: int) -> None:
        """Some days pass; news is absorbed before or after the day turns."""
        if hour % 2:
            absorbed(now=self.now)
        self.now = clock.next_midnight(self.now, clock.zone()) + timedelta(days=days, hours=hour)
        due = daily._due(population.current(as_of=self.now), self.now)
        self.passes.append(None if due is None else len(due))
        daily.turn(now=self.now)

    def _hours(self, _none: int, hours: int) -> None:
        self.now += timedelta(hours=hours)
        absorbed(now=self.now)
        daily.catch_due(now=self.now)


@pytest.mark.parametrize("examples", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_any_history_of_increments_gives_the_rows_of_a_full_pass(shop, examples):
    @settings(max_examples=examples, deadline=None, phases=set(Phase) - {Phase.shrink})
    @given(STEPS)
    def whatever_happens(steps):
        with transaction.atomic():
            one = copy(shop)
            one.sold = []
            for step in steps:
                one.step(*step)
            one._days(1, 1)  # in the end some days pass, and all is absorbed
            absorbed(now=one.now)
            known = rows()

            assert known == anew(one.now)
            transaction.set_rollback(True)

    whatever_happens()


def test_a_quiet_year_is_passed_by_touching_those_that_time_moves(shop):
    for n in range(PEOPLE):
        shop.step("order", n, 5_000)
        shop.step("event", n, 0)
    absorbed(now=shop.now)
    for _month in range(14):
        shop.step("days", 29, 0)
    assert rows() == anew(shop.now)

    assert None not in shop.passes[1:]
    assert 0 < sum(shop.passes[1:]) < 14 * (BYSTANDERS + PEOPLE) / 4
    assert set(Profile.objects.order_by("-pk")[:PEOPLE].values_list("stage", "mall_stage")) == {
        ("churned", "declining")
    }


def test_three_weeks_in_which_nobody_bought_move_stages_by_touching_only_whom_they_are_due():
    ago = (1, 5, 9, 10, 15, 20, 25, 40, 100, 360)
    members = [a_member() for _n in range(40)]
    now = at("2017-06-01 00:00:05")
    for member, days in zip(members, ago, strict=False):
        for more in (0, 20, 40):
            an_order(member, now - timedelta(days=days + more), 1000)
    absorbed(now=now)
    # I = 20: critical from day 16 on, dormant from 31, churned from 366; the three orders leave windows after 30, 90, 365.
    daily.turn(now=now)
    Event.objects.all().delete()
    Placement.objects.all().delete()

    daily.turn(now=now + timedelta(days=1))
    passed = daily.renew(as_of=now + timedelta(days=21))

    changes = (16, 31, 366, *(window - more for window in (30, 90, 365) for more in (0, 20, 40)))
    due = {days for days in ago if any(1 < change - days <= 21 for change in changes)}
    assert due == {1, 5, 9, 10, 15, 20, 25, 40, 360}
    assert passed.touched == 9
    moved = dict.fromkeys((1, 5, 9), "critical") | dict.fromkeys((10, 15, 20, 25), "dormant") | {360: "churned"}
    assert dict(
        Placement.objects.filter(axis="stage", since=now + timedelta(days=21)).values_list("member", "value")
    ) == {member: moved[days] for member, days in zip(members, ago, strict=False) if days in moved}


def test_the_next_change_noted_is_exactly_the_next_change():
    dice = random.Random(5)
    now = at("2017-06-01 10:00")
    PopulationRun.objects.create(
        day="2017-06-01", as_of=at("2017-06-01"), base_interval=20, middle_cut=500, top_cut=900
    )
    for _n in range(16):
        member = a_member()
        for _order in range(dice.choice([0, 1, 2, 4])):
            an_order(member, now - timedelta(days=dice.randrange(400), hours=dice.randrange(20)), dice.randrange(1000))
        for _event in range(dice.choice([0, 0, 1, 3])):
            an_event(member, "login", now - timedelta(days=dice.randrange(200)))
    absorbed(now=now)

    def standing(member, when):
        """The row as it would be; everything else stays as it is."""
        run, day = PopulationRun.objects.get(day="2017-06-01"), clock.local_day(when, clock.zone())
        with transaction.atomic():
            PopulationRun.objects.get_or_create(
                day=day,
                defaults={"as_of": when, "base_interval": 20, "middle_cut": run.middle_cut, "top_cut": run.top_cut},
            )
            profiles.refresh([member], as_of=when)
            placement.place([member], as_of=when, quiet=None)
            found = Profile.objects.filter(pk=member).values().get()
            transaction.set_rollback(True)
        return {name: value for name, value in found.items() if name != "as_of"}

    changes = dict(Profile.objects.values_list("pk", "next_change_at"))
    assert sum(at is not None for at in changes.values()) > 8
    for member, change in changes.items():
        before = standing(member, now)
        if change is None:
            assert standing(member, now + timedelta(days=2000)) == before
        else:
            assert change > now and standing(member, change - timedelta(seconds=1)) == before != standing(
                member, change
            )
