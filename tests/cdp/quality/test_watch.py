"""A source that falls short or falls silent rings once per source, kind and day of the brand, whoever looks and how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection

from cdp.quality import measure
from cdp.quality.watch import watch
from config.ground.models import Alarm, Brand
from tests.builders import at

pytestmark = pytest.mark.django_db
FIRST = "2026-01-01"


def events(day: datetime, rows: int, name: str = "E"):
    return [
        {"id": f"{name}{day:%m%d%H}-{n}", "type": "browse", "identities": ["crm_id:1"], "occurred_at": day.isoformat()}
        for n in range(rows)
    ]


@pytest.fixture
def days(send):
    """`days(50, {49: 5})`: 30 events each noon, on the 49th day 5 only."""

    def days(number, other=None):
        for n in range(number):
            day = at(FIRST) + timedelta(days=n, hours=12)
            rows = (other or {}).get(n, 30)
            if rows:
                send("events", *events(day, rows), now=f"{at_noon(n):%Y-%m-%d %H:%M}")

    return days


def at_noon(n: int) -> datetime:
    return datetime.fromisoformat(FIRST) + timedelta(days=n, hours=12)


def midnight_after(n: int) -> datetime:
    return at(FIRST) + timedelta(days=n + 1, minutes=1)


def subjects():
    return sorted(Alarm.objects.values_list("subject", "count"))


def test_a_day_that_fell_short_rings_once(days):
    days(50, {49: 5})

    assert watch(now=midnight_after(49)) == 1
    assert watch(now=midnight_after(49) + timedelta(hours=5)) == 0
    assert watch(now=midnight_after(50) - timedelta(minutes=5)) == 0

    assert subjects() == [("quality:shop:events:2026-02-19", 1)]
    assert Alarm.objects.get().text == "shop：2026-02-19 行为事件新增 5 条；往常同期约 30 条"


def test_a_day_like_the_others_rings_nothing(days):
    days(50)

    assert watch(now=midnight_after(49)) == 0
    assert subjects() == []


def test_the_days_since_the_last_look_are_looked_at(days):
    days(52, {49: 5, 50: 5, 51: 5})
    watch(now=midnight_after(48))

    assert watch(now=midnight_after(51)) == 3

    assert [subject for subject, _count in subjects()] == [
        "quality:shop:events:2026-02-19", "quality:shop:events:2026-02-20", "quality:shop:events:2026-02-21",
    ]  # fmt: skip


def test_today_is_not_judged_before_it_is_over(days):
    days(49)

    found = measure(as_of=at(FIRST) + timedelta(days=49, hours=13), source="shop").sources[0]

    assert found.problems == []
    assert (found.today.rows, found.today.usual) == (0, 30)
    early = measure(as_of=at(FIRST) + timedelta(days=49, hours=11), source="shop").sources[0]
    assert early.today.usual == 0  # at eleven there is never anything


def test_the_day_is_the_brands(days):
    days(50, {49: 5})
    Brand.objects.update(timezone="America/New_York")

    # Noon in Shanghai is eleven in the evening before in New York.
    watch(now=at("2026-02-18 23:59") + timedelta(minutes=2))

    assert [subject for subject, _count in subjects()] == ["quality:shop:events:2026-02-18"]


def test_a_silent_source_rings_each_night_until_it_is_heard_again(days, send):
    days(20)

    assert watch(now=midnight_after(19)) == 0  # half a day since noon; usually it is a whole one
    assert watch(now=midnight_after(20)) == 1  # a minute more than a day and a half
    assert watch(now=midnight_after(21)) == 1
    assert subjects() == [("quality:silent:shop:events", 2)]
    [problem] = measure(as_of=midnight_after(21), source="shop").sources[0].problems
    assert problem.text.en == "events: nothing for 2 days; usually they are silent for at most 24 h"

    send("events", *events(at(FIRST) + timedelta(days=22, hours=12), 30), now=f"{at_noon(22):%Y-%m-%d %H:%M}")
    watch(now=midnight_after(22))

    assert Alarm.objects.get().closed_at == midnight_after(22)


@pytest.mark.parametrize(("a_day", "rung"), [(19, 0), (20, 1)])
def test_a_few_new_members_a_day_and_then_none_is_no_silence(send, a_day, rung):
    for n in range(20):
        rows = [{"identities": [f"crm_id:{n}-{i}"], "attributes": {"city": "杭州"}} for i in range(a_day)]
        send("members", *rows, now=f"{at_noon(n):%Y-%m-%d %H:%M}")

    assert watch(now=midnight_after(21)) == rung


def test_a_history_load_is_neither_usual_nor_heard(days, send):
    days(30)
    send("events", *events(at(FIRST), 3000, "H"), now="2026-01-10 15:00", history=True)
    send("events", *events(at(FIRST), 3000, "I"), now=f"{at_noon(33):%Y-%m-%d %H:%M}", history=True)

    watch(now=midnight_after(33))

    assert ("quality:silent:shop:events", 1) in subjects()


def test_a_source_of_weekdays_is_not_silent_at_the_weekend(send):
    for n in range(40):
        if at_noon(n).weekday() < 5:
            send("events", *events(at(FIRST) + timedelta(days=n), 30), now=f"{at_noon(n):%Y-%m-%d %H:%M}")
    friday = next(n for n in range(35, 45) if at_noon(n).weekday() == 4)

    sunday = measure(as_of=midnight_after(friday + 2), source="shop").sources[0]

    assert [p.key for p in sunday.problems if p.key == "silent"] == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_midnight_ring_once(days):
    days(50, {49: 5})
    together = Barrier(2)

    def worker(_n):
        try:
            together.wait(10)
            return watch(now=midnight_after(49))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(worker, range(2))) == [0, 1]

    assert subjects() == [("quality:shop:events:2026-02-19", 1)]


def test_rows_that_wait_too_long_and_rows_that_are_rejected_are_problems(send, shop):
    bad = [{"id": f"X{n}"} for n in range(2)]
    good = [
        {"id": f"A{n}", "placed_at": "2026-03-01T10:00:00+08:00", "amount": 1, "currency": "CNY"} for n in range(18)
    ]
    send("orders", *good, *bad, now="2026-03-01 11:00")

    [problem] = shop().problems

    assert (problem.key, problem.kind, problem.rows) == ("rejections", "orders", 2)
    assert problem.text.en == "orders: 2 of 20 rows of the last 7 days were rejected"
