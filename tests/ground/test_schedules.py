import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from config.ground import schedules
from config.ground.models import Schedule, Slot

NOW = datetime(2017, 10, 1, 2, tzinfo=UTC)  # 10:00 in Shanghai
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def keep(key="journey:x", cron="0 10 * * *", timezone="Asia/Shanghai", misfire="once", now=NOW):
    with transaction.atomic():
        schedules.keep(key, cron=cron, timezone=timezone, misfire=misfire, now=now)


def take(now, key="journey:x"):
    with transaction.atomic():
        return [taken.at for taken in schedules.take(key, now=now)]


def slots(outcome):
    return list(Slot.objects.filter(outcome=outcome).order_by("at").values_list("at", flat=True))


def local(cron, timezone, after, count):
    found = schedules.occurrences(cron, timezone, after=after)
    return [next(found).isoformat() for _n in range(count)]


@pytest.mark.django_db
def test_a_slot_is_taken_at_its_instant_and_once():
    keep()

    assert schedules.due("journey:", now=NOW + DAY - MINUTE) == []
    assert take(NOW + DAY - MINUTE) == []
    assert schedules.due("journey:", now=NOW + DAY) == ["journey:x"]
    assert schedules.due("report:", now=NOW + DAY) == []
    assert take(NOW + DAY) == [NOW + DAY]
    assert take(NOW + DAY) == []
    assert Schedule.objects.get().next_at == NOW + 2 * DAY


@pytest.mark.django_db
def test_a_slot_that_was_taken_is_not_taken_again_when_somebody_turns_the_schedule_back():
    keep()
    take(NOW + DAY)
    Schedule.objects.update(next_at=NOW + DAY)

    assert take(NOW + DAY) == []
    assert slots("ran") == [NOW + DAY]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("misfire", "late_by", "ran", "skipped"),
    [
        ("skip", 0 * MINUTE, [4], [1, 2, 3]),
        ("skip", 15 * MINUTE, [4], [1, 2, 3]),  # still punctual
        ("skip", 16 * MINUTE, [], [1, 2, 3, 4]),
        ("once", 5 * 60 * MINUTE, [4], [1, 2, 3]),
        ("all", 5 * 60 * MINUTE, [1, 2, 3, 4], []),
    ],
)
def test_what_was_missed_is_made_up_for_as_the_schedule_says(misfire, late_by, ran, skipped):
    keep(misfire=misfire)

    taken = take(NOW + 4 * DAY + late_by)

    assert taken == slots("ran") == [NOW + day * DAY for day in ran]
    assert slots("skipped") == [NOW + day * DAY for day in skipped]
    assert Schedule.objects.get().next_at == NOW + 5 * DAY


@pytest.mark.django_db
def test_no_more_than_a_month_of_days_is_made_up_for():
    keep(misfire="all")

    taken = take(NOW + 40 * DAY)

    assert taken == [NOW + day * DAY for day in range(10, 41)]
    assert len(slots("skipped")) == 9


@pytest.mark.django_db
def test_what_fell_due_during_a_pause_was_not_missed():
    keep(misfire="all")
    schedules.pause("journey:x")
    assert schedules.due("journey:", now=NOW + 4 * DAY) == []
    assert take(NOW + 4 * DAY) == []

    with transaction.atomic():
        schedules.resume("journey:x", now=NOW + 4 * DAY + MINUTE)

    assert take(NOW + 4 * DAY + MINUTE) == []
    assert take(NOW + 5 * DAY) == [NOW + 5 * DAY]


@pytest.mark.django_db
def test_keeping_the_same_times_keeps_what_is_due_and_other_times_begin_from_now():
    keep()
    keep(now=NOW + 3 * DAY)
    assert Schedule.objects.get().next_at == NOW + DAY

    keep(cron="0 11 * * *", now=NOW + 3 * DAY)
    assert Schedule.objects.get().next_at == NOW + 3 * DAY + timedelta(hours=1)


def test_an_hour_that_the_clock_skips_or_repeats_still_runs_once():
    spring, autumn = datetime(2017, 3, 11, 12, tzinfo=UTC), datetime(2017, 11, 4, 12, tzinfo=UTC)

    # In New York 02:30 does not exist on 12 March, and 01:30 comes twice on 5 November.
    assert local("30 2 * * *", "America/New_York", spring, 2) == [
        "2017-03-12T07:00:00+00:00",  # 03:00, at once after the change
        "2017-03-13T06:30:00+00:00",
    ]
    assert local("30 1 * * *", "America/New_York", autumn, 2) == [
        "2017-11-05T05:30:00+00:00",
        "2017-11-06T06:30:00+00:00",
    ]
    assert local("0 10 * * *", "America/New_York", autumn, 2) == [
        "2017-11-04T14:00:00+00:00",
        "2017-11-05T15:00:00+00:00",
    ]


@pytest.mark.parametrize("cron", ["0 10 * *", "0 10 * * * *", "61 * * * *", "0 0 31 2 *", "daily", "", "0 25 * * *"])
def test_an_expression_that_never_comes_about_is_not_valid(cron):
    assert schedules.valid(cron) is False
    assert schedules.valid("0 10 1 * MON-FRI") is True


@pytest.mark.django_db(transaction=True)
def test_two_beats_take_a_slot_once():
    keep(misfire="all")
    together, taken = threading.Barrier(4), []

    def beat():
        together.wait()
        taken.extend(take(NOW + 5 * DAY))
        connection.close()

    threads = [threading.Thread(target=beat) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [NOW + day * DAY for day in range(1, 6)]


@pytest.mark.django_db(transaction=True)
def test_a_slot_whose_work_fails_is_taken_again():
    keep()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert schedules.take("journey:x", now=NOW + DAY)
        _nothing = 1 / 0

    assert slots("ran") == []
    assert take(NOW + DAY) == [NOW + DAY]
