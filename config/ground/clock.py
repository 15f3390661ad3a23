"""Business time: one reading per transaction, at a door; below the doors `now` and `as_of` are arguments.

The brand's clock is a row. `wall` is the database's clock; `replay` stands still and moves by command only.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from django.db import connection

from config.ground.models import Brand


def now() -> datetime:
    """The brand's present instant (UTC). For doors."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT CASE clock_mode WHEN 'replay' THEN clock_at END FROM ground_brand), clock_timestamp())"
        )
        return cursor.fetchone()[0].astimezone(timezone.utc)


def zone() -> ZoneInfo:
    return ZoneInfo(Brand.objects.the().timezone)


def local_day(at: datetime, tz: ZoneInfo) -> date:
    return at.astimezone(tz).date()


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """The first instant of a brand day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(timezone.utc)


def next_midnight(at: datetime, tz: ZoneInfo) -> datetime:
    return midnight(local_day(at, tz) + timedelta(days=1), tz)
