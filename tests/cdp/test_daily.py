"""The day turns once, at the first call after its local midnight, whoever asked for its figures before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cdp import daily, population
from cdp.models import Event, FeedRow, Placement, PopulationRun, Profile
from config.ground import clock
from tests.builders import a_member, absorbed, an_order, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer():
    member = a_member()
    an_order(member, "2017-01-01", 500)
    absorbed(now=at("2017-01-02"))
    return member


def stages():
    return list(Placement.objects.filter(axis="stage").order_by("since").values_list("value", "since"))


def test_a_day_turned_twice_is_turned_once(buyer):
    assert daily.turn(now=at("2017-07-01")) is True
    before = list(Placement.objects.values()), list(Profile.objects.values()), Event.objects.count()

    assert daily.turn(now=at("2017-07-01")) is False
    assert daily.turn(now=at("2017-07-01 23:59")) is False

    assert (list(Placement.objects.values()), list(Profile.objects.values()), Event.objects.count()) == before
    assert stages()[-1] == ("dormant", at("2017-07-01"))


def test_a_day_is_turned_though_somebody_was_absorbed_before(buyer):
    other = a_member()
    an_order(other, "2017-07-01 00:01")
    absorbed(now=at("2017-07-01 00:02"))
    assert Profile.objects.get(member=buyer).stage == "first_purchase"

    assert daily.turn(now=at("2017-07-01 00:03")) is True

    assert Profile.objects.get(member=buyer).stage == "dormant"


def test_the_day_is_the_brands(buyer):
    assert daily.turn(now=at("2017-07-01")) is True
    assert daily.turn(now=at("2017-07-02") - timedelta(microseconds=1)) is False
    assert daily.turn(now=at("2017-07-02")) is True


def test_days_that_nobody_turned_are_caught_up_by_the_next(buyer):
    daily.turn(now=at("2017-01-03"))
    daily.turn(now=at("2018-02-01"))

    assert stages() == [("first_purchase", at("2017-01-02")), ("churned", at("2018-02-01"))]


def test_a_quiet_day_announces_nobody(buyer):
    before = Event.objects.count()

    daily.turn(now=at("2017-07-01"), quiet=True)

    assert Profile.objects.get().stage == "dormant"
    assert Event.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_midnight_turn_the_day_once():
    a_member()
    an_order(a_member(), "2017-01-01")
    absorbed(now=at("2017-01-02"))
    told, together = Event.objects.count(), Barrier(2)

    def worker(_n):
        try:
            together.wait(10)
            return daily.turn(now=at("2017-07-01"))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(worker, range(2))) == [False, True]

    assert PopulationRun.objects.filter(day="2017-07-01").count() == 1
    assert Event.objects.count() == told + 1  # one member became dormant, once


@pytest.mark.django_db(transaction=True)
def test_while_a_day_is_turned_its_figures_are_there_for_others(monkeypatch):
    """The pass over everybody takes as long as it takes; a member who has just come need not wait for it."""
    asked = []

    def elsewhere():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '500ms'")
        asked.append(population.current(as_of=at("2017-07-01 00:01")).day)
        connection.close()

    def renew(**_given):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(elsewhere).result(10)

    monkeypatch.setattr(daily, "renew", renew)
    assert daily.turn(now=at("2017-07-01")) is True
    assert asked == [date(2017, 7, 1)]


def test_the_command_absorbs_what_waits(buyer, capsys):
    clock.stand(at("2017-01-03"), by="test")
    an_order(buyer, "2017-01-02 10:00", 100)

    call_command("refresh_profiles")

    assert Profile.objects.get().amount == 600
    assert not FeedRow.objects.exists()


@pytest.mark.parametrize(("options", "stage"), [([], "churned"), (["--as-of", "2017-07-01T00:00:00+08:00"], "dormant")])
def test_the_command_moves_those_whose_time_has_come(buyer, options, stage, capsys):
    daily.turn(now=at("2017-01-03"))
    others = [a_member() for _n in range(4)]
    absorbed(now=at("2017-01-03"))
    clock.stand(at("2018-03-01"), by="test")

    call_command("refresh_profiles", *options)

    assert Profile.objects.get(member=buyer).stage == stage
    assert set(Profile.objects.filter(member__in=others).values_list("stage", flat=True)) == {"new"}
    assert "1 " in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize(("options", "stage"), [([], "churned"), (["--as-of", "2017-07-01T00:00:00+08:00"], "dormant")])
def test_the_command_goes_over_everybody(buyer, options, stage):
    clock.stand(at("2018-03-01"), by="test")

    call_command("refresh_profiles", "--full", *options)

    assert Profile.objects.get().stage == stage


@pytest.mark.parametrize(
    ("standing", "options"),
    [
        (None, {"full": True, "as_of": "2017-07-01T00:00:00+08:00"}),
        ("2017-07-01", {"full": True, "as_of": "2017-07-02T00:00:00+08:00"}),
        ("2017-07-01", {"full": False, "as_of": "2017-05-31T00:00:00+08:00"}),
        ("2017-07-01", {"full": True, "as_of": "2017-05-31T00:00:00+08:00"}),  # the first of June was turned
    ],
)
def test_the_command_keeps_to_the_brands_time(buyer, standing, options):
    daily.turn(now=at("2017-06-01"))
    if standing:
        clock.stand(at(standing), by="test")
    before = list(Profile.objects.values())

    with pytest.raises(CommandError):
        call_command("refresh_profiles", *(["--full"] if options["full"] else []), "--as-of", options["as_of"])

    assert list(Profile.objects.values()) == before


def test_the_months_to_come_are_made_before_they_are_needed():
    daily.turn(now=at("2031-01-20"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('cdp_event_2031_01'), to_regclass('cdp_event_2031_02')")
        assert None not in cursor.fetchone()
