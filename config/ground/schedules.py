"""A manager's schedule is a row, its occurrences are slots: each is taken once, however many beats look.

What a slot does commits with the slot. A slot is missed when it is taken later than GRACE after its instant; what then happens
is the schedule's own choice, and each missed occurrence that does not run is written down as skipped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.db import connection

from config.ground.models import Schedule, Slot

GRACE = timedelta(minutes=15)  # a worker that restarts or is busy is not an outage
MOST = 31  # runs at once of a schedule that makes up for each missed one: a month of days
SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
REMEMBERED = 1000  # skipped occurrences that are written down


@dataclass(frozen=True)
class Taken:
    slot: int
    schedule: str
    at: datetime


def zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def occurrences(cron: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Instants (UTC) after an instant; hours that a change of clock skips or repeats still run once. Raises CronSimError."""
    return (at.astimezone(UTC) for at in CronSim(cron, after.astimezone(ZoneInfo(timezone))))


def valid(cron: str) -> bool:
    """Five fields that come about; whenever one looks, since a cron expression knows no year."""
    try:
        return len(cron.split()) == 5 and next(occurrences(cron, "UTC", after=SOME_DAY), None) is not None
    except CronSimError:
        return False


def keep(key: str, *, cron: str, timezone: str, misfire: str, now: datetime) -> None:
    """Make or change a schedule. Unchanged times keep what is due; changed ones begin from now."""
    row, made = Schedule.objects.select_for_update().get_or_create(
        key=key, defaults={"cron": cron, "timezone": timezone, "misfire": misfire}
    )
    if made or (row.cron, row.timezone) != (cron, timezone):
        row.next_at = next(occurrences(cron, timezone, after=now), None)
    row.cron, row.timezone, row.misfire = cron, timezone, misfire
    row.save()


def pause(key: str) -> None:
    Schedule.objects.filter(key=key).update(paused=True)


def resume(key: str, *, now: datetime) -> None:
    """What fell due while it was paused was not missed: it goes on with the next occurrence."""
    for row in Schedule.objects.select_for_update().filter(key=key, paused=True):
        row.paused, row.next_at = False, next(occurrences(row.cron, row.timezone, after=now), None)
        row.save()


def due(prefix: str, *, now: datetime) -> list[str]:
    rows = Schedule.objects.filter(key__startswith=prefix, paused=False, next_at__lte=now)
    return list(rows.order_by("next_at", "key").values_list("key", flat=True))


def take(key: str, *, now: datetime) -> list[Taken]:
    """Take what is due of one schedule, in the caller's transaction. Nothing when somebody else is at it."""
    row = Schedule.objects.select_for_update(skip_locked=True).filter(key=key, paused=False, next_at__lte=now).first()
    if row is None or row.next_at is None:
        return []
    past, row.next_at = _due(row, row.next_at, now)
    row.save(update_fields=["next_at"])
    running = set(_choose(row.misfire, past, now))
    return _record(row, [(at, at in running) for at in past], now)


def report(slot: int, **result: object) -> None:
    """What came of a slot, for whoever looks at it later."""
    Slot.objects.filter(pk=slot).update(result=result)


def _due(row: Schedule, first: datetime, now: datetime) -> tuple[list[datetime], datetime | None]:
    past = deque([first], maxlen=REMEMBERED)
    for at in occurrences(row.cron, row.timezone, after=first):
        if at > now:
            return list(past), at
        past.append(at)
    return list(past), None


def _choose(misfire: str, past: list[datetime], now: datetime) -> list[datetime]:
    punctual = [at for at in past if now - at <= GRACE]
    return {
        Schedule.Misfire.SKIP: punctual[-1:],
        Schedule.Misfire.ONCE: past[-1:],
        Schedule.Misfire.ALL: past[-MOST:],
    }[Schedule.Misfire(misfire)]


def _record(row: Schedule, slots: list[tuple[datetime, bool]], now: datetime) -> list[Taken]:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ground_slot (schedule_id, at, taken_at, outcome, result)
               SELECT %s, at, %s, CASE WHEN runs THEN 'ran' ELSE 'skipped' END, '{}'
               FROM unnest(%s::timestamptz[], %s::boolean[]) AS s (at, runs)
               ON CONFLICT (schedule_id, at) DO NOTHING RETURNING id, at, outcome""",
            [row.pk, now, [at for at, _runs in slots], [runs for _at, runs in slots]],
        )
        taken = [Taken(slot, row.key, at) for slot, at, outcome in cursor.fetchall() if outcome == Slot.Outcome.RAN]
    return sorted(taken, key=lambda one: one.at)
