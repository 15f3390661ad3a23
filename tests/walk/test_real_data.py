"""The Complete Journey comes in whole and once, and DuckDB, reading the source's own files, finds in it what we find."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from cdp.identity import addresses
from cdp.models import Consent, Event, Member, Order, OrderLine, PopulationRun, Profile
from config.complete_journey import BEGIN, ZONE, Past, dress
from config.complete_journey.people import KEPT_FREE, SCRIPTS, person, phone
from config.ground import clock
from config.ground.models import Brand
from tests.builders import a_member, absorbed, an_order

HOUSEHOLDS = 200
NOW = datetime(2017, 12, 31, 23, 59, 59, tzinfo=ZONE)

# Days are the brand's, in US Eastern. Base interval from facts before the last midnight, stage as the glossary has it.
ORACLE = """
    WITH baskets AS (
        SELECT household_id, basket_id, any_value(transaction_timestamp) AS at, sum(round(sales_value * 100)::bigint) AS amount,
               timezone('America/New_York', timezone('UTC', any_value(transaction_timestamp)))::date AS day
        FROM transactions WHERE household_id IN (SELECT household_id FROM chosen) GROUP BY ALL),
    days AS (SELECT DISTINCT household_id, day FROM baskets),
    gaps AS (SELECT household_id, day, day - lag(day) OVER (PARTITION BY household_id ORDER BY day) AS gap FROM days),
    base AS (SELECT quantile_disc(gap, 0.5) AS base FROM gaps WHERE day < DATE '2017-12-31' AND gap IS NOT NULL),
    own AS (SELECT household_id, count(gap) AS k, coalesce(sum(gap), 0) AS s FROM gaps GROUP BY ALL),
    facts AS (
        SELECT household_id, count(*) AS orders, sum(amount) AS amount, count(DISTINCT day) AS n,
               DATE '2017-12-31' - max(day) AS d
        FROM baskets GROUP BY ALL),
    expected AS (SELECT *, (3 * base + s)::double / (3 + k) AS i FROM facts JOIN own USING (household_id), base)
    SELECT household_id::varchar, orders, amount::bigint, n, i,
           CASE WHEN d > greatest(3 * i, 90) THEN 'churned'
                WHEN d > greatest(1.5 * i, CASE n WHEN 1 THEN 60 ELSE 30 END) THEN 'dormant'
                WHEN n >= 2 AND d >= greatest(0.8 * i, 14) THEN 'critical'
                WHEN n = 1 THEN 'first_purchase' ELSE 'active' END
    FROM expected
"""
# A redemption has a day and no hour; that day in the brand's zone holds a purchase of the same household.
REDEEMED_WITH_A_PURCHASE = """
    SELECT count(*) FROM cdp_event e
    WHERE type = 'coupon_redeem' AND EXISTS (
        SELECT 1 FROM cdp_order o WHERE o.member_id = e.member_id
          AND (o.placed_at AT TIME ZONE %(tz)s)::date = (e.properties ->> 'day')::date
          AND (e.occurred_at AT TIME ZONE %(tz)s)::date = (e.properties ->> 'day')::date)
"""


@pytest.fixture(scope="module")
def past(django_db_setup, django_db_blocker):
    """200 households with all of their year, in a transaction that is undone after this file."""
    with django_db_blocker.unblock(), transaction.atomic():
        dress()
        clock.stand(NOW, by="test")
        past = Past(HOUSEHOLDS)
        past(BEGIN, NOW, now=NOW, history=True)
        absorbed(now=NOW)
        yield past
        transaction.set_rollback(True)


def redeemed_with_a_purchase() -> int:
    with connection.cursor() as cursor:
        cursor.execute(REDEEMED_WITH_A_PURCHASE, {"tz": str(ZONE)})
        return cursor.fetchone()[0]


def names() -> dict[str, int]:
    """Household -> member."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT member_id FROM cdp_order")
        members = [row[0] for row in cursor.fetchall()]
    return {household: member for member, household in addresses(members, "crm_id").items()}


def test_duckdb_finds_the_same_orders_amounts_days_intervals_and_stages(past):
    member_of = names()
    wanted = {
        member_of[household]: tuple(figures)
        for household, *figures in past.tables.db.cursor().execute(ORACLE).fetchall()
    }

    stored = Profile.objects.values_list("member", "orders", "amount", "purchase_days", "expected_interval", "stage")
    assert {member: tuple(figures) for member, *figures in stored} == wanted
    assert len(wanted) == HOUSEHOLDS
    assert len(Counter(figures[-1] for figures in wanted.values())) >= 4  # the households are of many kinds


def test_each_redemption_is_on_a_day_with_a_purchase(past):
    redemptions = Event.objects.filter(type="coupon_redeem").count()

    assert redeemed_with_a_purchase() == redemptions > 100


def test_told_again_everything_is_known(past):
    def held():
        return Member.objects.count(), Order.objects.count(), OrderLine.objects.count(), Event.objects.count()

    before, told = held(), Counter(past.told)

    past(BEGIN, NOW, now=NOW, history=True)

    assert held() == before
    again = past.told - told
    assert {what for _kind, what in again} == {"duplicates"}
    assert again["orders", "duplicates"] == Order.objects.count()


def test_what_was_generated_is_marked(past):
    assert set(Member.objects.values_list("synthetic", flat=True)) == {True}
    assert all("phone" in told for told in Member.objects.values_list("attributes__synthetic", flat=True))
    assert 0.75 * HOUSEHOLDS < Consent.objects.filter(state="granted").count() < 0.95 * HOUSEHOLDS


def test_history_triggers_nobody(past):
    assert PopulationRun.objects.count() == 1
    assert not Event.objects.filter(source__code="huitou").exists()


def test_a_household_is_the_same_person_in_every_load():
    first = datetime(2017, 1, 1, tzinfo=ZONE)

    assert person(900, first, {}) == person(900, first, {})
    assert person(900, first, {}).registered_at < first


def test_phones_are_unique_and_only_meant_ones_are_scripts_of_the_sandbox():
    phones = [phone(household) for household in range(1, 2501)]

    assert len(set(phones)) == 2500
    endings = Counter(number[-4:] for number in phones if number[-4:] in KEPT_FREE)
    assert set(endings) == {digits for digits, _share in SCRIPTS}
    assert all(0.01 * 2500 < count < 0.05 * 2500 for count in endings.values())


@pytest.mark.django_db
def test_a_brand_with_orders_in_another_currency_is_left_alone():
    an_order(a_member(), "2017-01-01")

    with pytest.raises(CommandError, match="CNY"):
        call_command("load_complete_journey", "--households", "1")

    assert Brand.objects.the().currency == "CNY"
    assert Order.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db
def test_the_whole_year_comes_in_and_twice_is_once(capsys):
    call_command("load_complete_journey", "--json", verbosity=0)
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    call_command("load_complete_journey", "--json", verbosity=0)
    again = json.loads(capsys.readouterr().out.splitlines()[-1])

    counts = {"members": 2_469, "orders": 155_848, "lines": 1_469_307}
    assert (first["now"], again["now"]) == (counts, counts)
    assert sum(again["stored"].values()) == 0
    assert redeemed_with_a_purchase() == Event.objects.filter(type="coupon_redeem").count() == 2_102
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(amount), round(avg(amount) / 100, 6), count(DISTINCT store) FROM cdp_order")
        assert cursor.fetchone() == (459_603_958, Decimal("29.490527"), 457)
        cursor.execute("SELECT sum(amount) FROM cdp_orderline")
        assert cursor.fetchone() == (459_603_958,)
