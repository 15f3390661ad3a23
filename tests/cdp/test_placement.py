"""Stage and value tier at each boundary, their history as beginnings, and each move announced once."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import pytest

from cdp import daily, placement, profiles
from cdp.models import Event, Placement, PopulationRun, Profile
from config.ground.models import Brand
from tests.builders import a_member, absorbed, an_order, at
from tests.cdp import readings

pytestmark = pytest.mark.django_db
LAST = date(2015, 6, 1)
GROCERY = {"critical_floor": 14, "dormant_floor_once": 60, "dormant_floor": 30, "churned_floor": 90}


def stand(member: int, *, base: int, days: int, hour: str = "00:00") -> str:
    """The stage that many days after the last purchase, with that base interval in the population."""
    as_of = at(f"{LAST + timedelta(days=days)} {hour}")
    PopulationRun.objects.update_or_create(
        day=LAST + timedelta(days=days), defaults={"as_of": as_of, "base_interval": base}
    )
    profiles.refresh([member], as_of=as_of)
    placement.place([member], as_of=as_of)
    return Profile.objects.get(member=member).stage


# orders: days before the last purchase day. Expected interval: (3 base + sum) / (3 + number).
@pytest.mark.parametrize(
    ("orders", "base", "floors", "first_day_of"),
    [
        ([0], 20, {}, {"first_purchase": 0, "dormant": 181, "churned": 366}),
        ([0], 200, {}, {"first_purchase": 0, "dormant": 301, "churned": 601}),
        ([20, 0], 20, {}, {"active": 0, "critical": 16, "dormant": 31, "churned": 366}),  # I = 20: 16, 30
        ([23, 0], 20, {}, {"active": 0, "critical": 17, "dormant": 32, "churned": 366}),  # I = 20.75: 16.6, 31.125
        ([400, 0], 200, {}, {"active": 0, "critical": 200, "dormant": 376, "churned": 751}),  # I = 250
        ([0], 3, GROCERY, {"first_purchase": 0, "dormant": 61, "churned": 91}),
        ([3, 0], 3, GROCERY, {"active": 0, "critical": 14, "dormant": 31, "churned": 91}),
        ([40, 0], 40, GROCERY, {"active": 0, "critical": 32, "dormant": 61, "churned": 121}),  # I = 40
    ],
)  # fmt: skip
def test_a_stage_changes_at_the_local_midnight_of_its_day(orders, base, floors, first_day_of):
    brand = Brand.objects.the()
    brand.stages |= floors
    brand.save()
    member = a_member(now=at("2013-01-01"))
    for days in orders:
        an_order(member, f"{LAST - timedelta(days=days)} 23:59")

    days = sorted(first_day_of.values())
    moments = [
        (0, "23:59"),
        *[(day + shift, hour) for day in days[1:] for shift, hour in ((-1, "23:59"), (0, "00:00"))],
    ]
    seen = [stand(member, base=base, days=day, hour=hour) for day, hour in moments]

    stages = sorted(first_day_of, key=first_day_of.get)
    assert seen == [stages[0]] + [stage for before, after in pairwise(stages) for stage in (before, after)]


def test_who_never_bought_is_new_at_any_age():
    assert stand(a_member(), base=20, days=5000) == "new"


def test_stages_are_those_of_the_plain_reading_on_drawn_members():
    dice, stages = random.Random(11), Brand.objects.the().stages
    members = {
        a_member(): sorted({dice.randrange(400) for _ in range(dice.choice([0, 1, 2, 2, 4]))}) for _ in range(80)
    }
    now = at("2017-06-01 12:00")
    for member, ages in members.items():
        for age in ages:
            an_order(member, now - timedelta(days=age), dice.randrange(1, 10**5))

    absorbed(now=now)

    for profile in Profile.objects.all():
        ages = members[profile.member_id]
        expected = readings.stage(len(ages), min(ages, default=0), profile.expected_interval, stages)
        assert profile.stage == expected, (ages, profile.expected_interval)
    assert set(Profile.objects.values_list("stage", flat=True)) >= {"new", "active", "critical", "dormant"}


def test_value_tiers_cut_at_the_populations_percentiles_and_equal_amounts_stand_alike():
    members = [a_member() for _ in range(20)]
    for member, fen in zip(members, [0, *[100] * 9, *[200] * 4, 300, 300, 400, 400, 500, 500], strict=True):
        an_order(member, "2017-06-01", fen)
    nobody = a_member()

    absorbed(now=at("2017-06-02"))

    spent = [100] * 9 + [200] * 4 + [300, 300, 400, 400, 500, 500]
    run = PopulationRun.objects.get(day="2017-06-02")
    assert (
        (run.middle_cut, run.top_cut)
        == (readings.percentile_disc(0.7, spent), readings.percentile_disc(0.95, spent))
        == (300, 500)
    )
    tiers = dict(Profile.objects.values_list("member", "value_tier"))
    assert [tiers[m] for m in members] == ["base"] * 14 + ["middle"] * 4 + ["top"] * 2
    assert tiers[nobody] == "base"


def test_history_is_beginnings_with_their_reason():
    member = a_member()
    an_order(member, "2017-01-01 10:00", 500)
    for day in range(1, 200):
        daily.turn(now=at("2017-01-01") + timedelta(days=day))

    held = Placement.objects.filter(axis="stage").order_by("since").values_list("value", "since", "why")
    assert list(held) == [
        ("first_purchase", at("2017-01-02"), {"purchase_days": 1, "recency": 1, "expected_interval": 90}),
        ("dormant", at("2017-07-01"), {"purchase_days": 1, "recency": 181, "expected_interval": 90}),
    ]
    assert list(Placement.objects.filter(axis="value_tier").values_list("value", "why")) == [
        ("top", {"amount_365": 500, "middle_cut": 500, "top_cut": 500})
    ]


def test_each_move_is_announced_once_with_whence():
    member = a_member()
    an_order(member, "2017-06-01 10:00", 500)
    absorbed(now=at("2017-06-01 12:00"))
    absorbed(now=at("2017-06-01 13:00"))
    an_order(member, "2017-06-03 10:00", 500)
    absorbed(now=at("2017-06-03 12:00"))
    placement.place(None, as_of=at("2017-06-03 12:00"))

    told = Event.objects.order_by("occurred_at", "type").values_list("type", "occurred_at", "properties", "member")
    assert list(told) == [
        ("stage.entered", at("2017-06-01 12:00"), {"value": "first_purchase", "from": ""}, member),
        ("value_tier.entered", at("2017-06-01 12:00"), {"value": "base", "from": ""}, member),
        ("stage.entered", at("2017-06-03 12:00"), {"value": "active", "from": "first_purchase"}, member),
        ("value_tier.entered", at("2017-06-03 12:00"), {"value": "top", "from": "base"}, member),
    ]


def test_loaded_history_is_placed_and_not_announced():
    quiet, loud = a_member(), a_member()
    absorbed(now=at("2017-01-01"))
    Event.objects.all().delete()
    an_order(quiet, "2017-06-01", history=True)
    an_order(loud, "2017-06-01")

    absorbed(now=at("2017-06-02"))

    assert set(Profile.objects.values_list("stage", flat=True)) == {"first_purchase"}
    assert set(Event.objects.values_list("member", flat=True)) == {loud}


def test_a_pass_of_an_earlier_instant_moves_nobody_back():
    member = a_member()
    an_order(member, "2017-01-01", 500)
    daily.turn(now=at("2017-01-02"))
    daily.turn(now=at("2017-07-01"))

    profiles.refresh(None, as_of=at("2017-03-01"))
    assert placement.place(None, as_of=at("2017-03-01")) == 0

    assert Profile.objects.get(member=member).stage == "dormant"
    assert Placement.objects.filter(axis="stage").count() == 2
