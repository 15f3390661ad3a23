"""Business time: one reading per transaction, at a door; below the doors `now` and `as_of` are arguments.

The brand's clock is a row. `wall` is the database's clock; `replay` stands still and moves by command only.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from config.ground import audit
from config.ground.models import Brand


def now() -> datetime:
    """The brand's present instant (UTC). For doors."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce((SELECT CASE clock_mode WHEN 'replay' THEN clock_at END FROM ground_brand),
                               clock_timestamp())"""
        )
        return cursor.fetchone()[0].astimezone(UTC)


def stands() -> bool:
    return Brand.objects.the().clock_mode == Brand.Clock.REPLAY


def zone() -> ZoneInfo:
    return ZoneInfo(Brand.objects.the().timezone)


def local_day(at: datetime, tz: ZoneInfo) -> date:
    return at.astimezone(tz).date()


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """The first instant of a brand day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)


def next_midnight(at: datetime, tz: ZoneInfo) -> datetime:
    return midnight(local_day(at, tz) + timedelta(days=1), tz)


class ClockRefused(Exception):
    """The clock cannot be set like that; the message says why."""


def stand(at: datetime, *, by: str) -> None:
    """Replay: the clock stands at this instant until it is moved. Refused while a real channel account is enabled."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                Brand.objects.filter(pk=1).update(clock_mode=Brand.Clock.REPLAY, clock_at=at)
        except IntegrityError as error:
            refusal = _("the clock stands still only while every enabled channel account is a sandbox")
            raise ClockRefused(refusal) from error
        audit.note(by, "clock.stand", "brand", now=at, at=at.isoformat())


def move(to: datetime) -> None:
    """Move a standing clock forward. Moving to where it stands already changes nothing."""
    moved = Brand.objects.filter(pk=1, clock_mode=Brand.Clock.REPLAY, clock_at__lte=to).update(clock_at=to)
    if moved != 1:
        raise ClockRefused(_("only a standing clock is moved, and only forward"))


def release(*, by: str, now: datetime) -> None:
    """Back to the wall clock."""
    with transaction.atomic():
        Brand.objects.filter(pk=1).update(clock_mode=Brand.Clock.WALL, clock_at=None)
        audit.note(by, "clock.release", "brand", now=now)
