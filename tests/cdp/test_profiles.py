"""Profiles and the population's figures, held to a plain reading on drawn members; and what a refresh leaves alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from cdp import population, profiles
from cdp.models import Member, Order, PopulationRun, Profile, Source
from config.ground.models import Brand
from tests.builders import a_member, absorbed, an_order, at
from tests.cdp import readings

pytestmark = pytest.mark.django_db
SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"


def draw(zone: str, seed: int, members: int = 60) -> dict[int, tuple[list[readings.Sold], list[readings.Order]]]:
    """Members with up to twelve orders over two years; many of them on either side of a local midnight or a change of clocks.
    Some were refunded, some of these exchanged, and now and then something came back without an order.
    """
    Brand.objects.update(timezone=zone)
    dice, tz, source = random.Random(seed), ZoneInfo(zone), Source.objects.create(code="shop", name="shop")
    edges = [datetime(2017, month, day, tzinfo=tz) for month, day in ((3, 12), (3, 13), (11, 5), (11, 6), (1, 1))]
    drawn = {}
    for _member in range(members):
        member = Member.objects.create(created_at=at("2016-01-01")).pk
        orders = [sold(dice, instant(dice, tz, edges), edges) for _order in range(dice.choice([0, 1, 1, 2, 3, 5, 12]))]
        returns = [(instant(dice, tz, edges), dice.choice([0, 500, 2000])) for _n in range(dice.choice([0, 0, 1, 2]))]
        readings.store(orders, returns, member=member, source=source)
        drawn[member] = orders, returns
    return drawn


def instant(dice, tz, edges):
    if dice.random() < 0.5:
        at = dice.choice(edges) + timedelta(seconds=dice.choice([-3600, -1, 0, 1, 3599, 82800, 86399]))
    else:
        at = datetime(2016, 1, 1, tzinfo=tz) + timedelta(seconds=dice.randrange(2 * 365 * 86400))
    return at.astimezone(UTC)


def sold(dice, placed, edges, depth=0):
    fen = dice.choice([0, 1, 1999, dice.randrange(10**6)])
    went = refunds(dice, placed, fen, edges)
    exchanges = []
    if went and depth < 3 and dice.random() < 0.5:
        later = max(when for when, _fen in went) + timedelta(seconds=dice.choice([0, 3600, 40 * 86400]))
        exchanges = [sold(dice, later, edges, depth + 1)]
    return readings.Sold(placed, fen, went, exchanges)


def refunds(dice, placed, fen, edges):
    """None of most; of the others one or two, in part or of all, now and then at an edge."""
    if fen == 0 or dice.random() < 0.6:
        return []
    first = dice.choice([fen, dice.randint(1, fen)])
    parts = [first] if first == fen or dice.random() < 0.5 else [first, dice.choice([fen - first, 1])]
    later = [edge.astimezone(UTC) for edge in edges if edge > placed]
    return [
        (dice.choice([*later, placed, placed + timedelta(seconds=dice.randrange(90 * 86400))]), part) for part in parts
    ]


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK])
@pytest.mark.parametrize(
    "when", ["2017-03-12", "2017-03-13 00:30", "2017-11-05 01:30", "2017-11-06", "2017-12-31 23:59"]
)
def test_figures_are_those_of_the_plain_reading(zone, when):
    drawn = draw(zone, seed=len(zone))
    as_of, tz = at(when), ZoneInfo(zone)

    assert profiles.refresh(None, as_of=as_of) == len(drawn)

    run = PopulationRun.objects.get()
    wanted = readings.population(list(drawn.values()), day=as_of.astimezone(tz).date(), tz=tz)
    assert (run.base_interval, run.middle_cut, run.top_cut) == wanted
    for member, (orders, returns) in drawn.items():
        expected = readings.figures(orders, returns, as_of=as_of, tz=tz, base=run.base_interval)
        stored = Profile.objects.values(*expected).get(member=member)
        assert stored == expected


def test_one_member_and_everybody_give_the_same_rows():
    drawn = draw(NEW_YORK, seed=3)
    for member in drawn:
        profiles.refresh([member], as_of=at("2017-11-06"))
    alone = list(Profile.objects.order_by("pk").values())
    Profile.objects.all().delete()

    profiles.refresh(None, as_of=at("2017-11-06"))

    assert list(Profile.objects.order_by("pk").values()) == alone


def test_only_rows_that_differ_are_written():
    drawn = draw(SHANGHAI, seed=4)
    profiles.refresh(None, as_of=at("2017-11-06"))

    def places():
        with connection.cursor() as cursor:
            cursor.execute("SELECT member_id, ctid::text FROM cdp_profile")
            return dict(cursor.fetchall())

    before = places()
    buyer = next(member for member, (orders, _returns) in drawn.items() if orders)
    Order.objects.create(
        member_id=buyer, source=Source.objects.get(), external_id="new", placed_at=at("2017-11-06"), amount=5,
        currency="CNY", recorded_at=at("2017-11-06"),
    )  # fmt: skip

    assert profiles.refresh(None, as_of=at("2017-11-06")) == 1
    assert {member for member, place in places().items() if place != before[member]} == {buyer}


def test_365_days_reach_from_364_days_ago_to_today():
    member = a_member()
    for day, fen in (
        ("2016-11-06 23:59", 1),
        ("2016-11-07 00:00", 10),
        ("2017-11-06 10:00", 100),
        ("2017-11-06 10:01", 1000),
    ):
        an_order(member, day, fen)

    profiles.refresh([member], as_of=at("2017-11-06 10:00"))

    profile = Profile.objects.get()
    assert (profile.amount, profile.amount_365, profile.orders) == (111, 110, 3)


def test_several_orders_of_a_day_are_one_occasion():
    member = a_member()
    for when in ("2017-10-01 00:00", "2017-10-01 23:59", "2017-10-11 00:00"):
        an_order(member, when)

    profiles.refresh([member], as_of=at("2017-10-12"))

    profile = Profile.objects.get()
    assert (profile.orders, profile.purchase_days, profile.interval_count, profile.interval_sum) == (3, 2, 1, 10)


def test_an_order_of_amount_zero_makes_a_purchase_day():
    member = a_member()
    an_order(member, "2017-10-01", 0)

    profiles.refresh([member], as_of=at("2017-10-02"))

    assert Profile.objects.values_list("orders", "purchase_days", "amount").get() == (1, 1, 0)


def test_the_next_order_is_due_after_the_expected_interval():
    member = a_member()
    PopulationRun.objects.create(day="2017-10-20", as_of=at("2017-10-20"), base_interval=20)
    an_order(member, "2017-10-01 12:00")
    an_order(member, "2017-10-11 12:00")

    profiles.refresh([member], as_of=at("2017-10-20 10:00"))

    profile = Profile.objects.get()
    assert profile.expected_interval == 17.5  # (3 x 20 + 10) / 4
    assert profile.next_order_due == at("2017-10-29 00:00")


def test_a_late_order_corrects_the_profile():
    member = a_member()
    an_order(member, "2017-10-20", 100)
    absorbed(now=at("2017-10-21"))

    an_order(member, "2017-10-01", 900, now=at("2017-10-22"))
    absorbed(now=at("2017-10-22"))

    profile = Profile.objects.get()
    assert (profile.amount, profile.first_order_at, profile.interval_sum) == (1000, at("2017-10-01"), 19)


def test_a_pass_of_an_earlier_instant_never_overwrites_a_later_row():
    member = a_member()
    an_order(member, "2017-10-20", 100)
    profiles.refresh([member], as_of=at("2017-10-21"))

    assert profiles.refresh([member], as_of=at("2017-10-10")) == 0

    assert Profile.objects.get().amount == 100


def test_the_population_is_counted_once_a_day_from_facts_before_its_midnight():
    first, second = a_member(), a_member()
    for member, fen in ((first, 100), (second, 300)):
        an_order(member, "2017-10-01 10:00", fen)
        an_order(member, "2017-10-08 10:00", fen)
    an_order(second, "2017-10-10 00:00", 10**6)

    run = population.current(as_of=at("2017-10-10 23:59"))
    assert (run.day.isoformat(), run.as_of, run.base_interval) == ("2017-10-10", at("2017-10-10"), 7)
    assert (run.middle_cut, run.top_cut) == (600, 600)

    an_order(first, "2017-10-05 10:00", 5000, now=at("2017-10-10 12:00"))
    assert population.current(as_of=at("2017-10-10 13:00")) == run
    assert PopulationRun.objects.get() == run
    assert population.run(run.day) is False
    assert population.current(as_of=at("2017-10-11")).middle_cut == 10**6 + 600


def test_a_shop_without_repurchases_expects_the_brands_default():
    run = population.current(as_of=at("2017-10-10"))

    assert (run.base_interval, run.middle_cut, run.top_cut) == (90, None, None)
