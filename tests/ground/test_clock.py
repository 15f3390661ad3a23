from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError

from config.ground import clock
from config.ground.durations import parse
from config.ground.models import AuditRow, Brand

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2017, 10, 1, 4, tzinfo=UTC)


@pytest.mark.django_db
def test_a_standing_clock_stands_until_it_is_moved_forward():
    clock.stand(AT, by="li")
    assert clock.now() == AT == clock.now()

    clock.move(AT + timedelta(hours=1))
    assert clock.now() == AT + timedelta(hours=1)
    assert AuditRow.objects.get().actor == "li"


@pytest.mark.django_db
def test_it_never_runs_back():
    clock.stand(AT, by="li")

    with pytest.raises(clock.ClockRefused):
        clock.move(AT - timedelta(seconds=1))
    assert clock.now() == AT


@pytest.mark.django_db
def test_the_wall_clock_is_the_databases_and_cannot_be_moved():
    before = datetime.now(UTC)

    assert before - timedelta(seconds=5) < clock.now() < before + timedelta(seconds=60)
    with pytest.raises(clock.ClockRefused):
        clock.move(AT)

    clock.stand(AT, by="li")
    clock.release(by="li", now=before)
    assert clock.now() > before - timedelta(seconds=5)


@pytest.mark.django_db
def test_a_replay_clock_without_an_instant_is_refused_by_the_database():
    with pytest.raises(IntegrityError, match="a_replay_clock_has_an_instant"):
        Brand.objects.update(clock_mode="replay")


def test_days_are_local_days():
    assert clock.local_day(datetime(2017, 11, 5, 3, 59, tzinfo=UTC), NEW_YORK) == date(2017, 11, 4)
    # On that day the clocks go back: it has 25 hours.
    assert clock.midnight(date(2017, 11, 5), NEW_YORK) == datetime(2017, 11, 5, 4, tzinfo=UTC)
    assert clock.next_midnight(datetime(2017, 11, 5, 4, tzinfo=UTC), NEW_YORK) == datetime(2017, 11, 6, 5, tzinfo=UTC)


def test_a_day_is_the_same_local_time_and_an_hour_is_exact():
    before_the_change = datetime(2017, 11, 4, 14, tzinfo=UTC)  # 10:00 in New York, still summer time

    assert parse("P1D").after(before_the_change, NEW_YORK) == datetime(2017, 11, 5, 15, tzinfo=UTC)  # 10:00 again
    assert parse("PT24H").after(before_the_change, NEW_YORK) == datetime(2017, 11, 5, 14, tzinfo=UTC)
    assert parse("P1DT2H").before(datetime(2017, 11, 5, 17, tzinfo=UTC), NEW_YORK) == before_the_change


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P0D", "PT0M", "30D", "P1Y", "P1M", "P-1D", "P1.5D", "P3661D", "P1D ", "P１D", 3, None]
)
def test_other_durations_are_refused(text):
    assert parse(text) is None
