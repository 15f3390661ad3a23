"""The slots of journeys: whoever takes one enrols, in the same transaction."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop

from automation.enrolment import Enrolled, enrol
from automation.models import Journey
from config.ground import alarms, schedules
from config.ground.cause import Cause
from config.ground.nudge import nudge

log = logging.getLogger(__name__)

PREFIX = "journey:"


def run_due(*, now: datetime) -> int:
    """Take every slot that is due and enrol for it. Returns how many slots ran."""
    return sum(_run(schedule, now=now) for schedule in schedules.due(PREFIX, now=now))


def _run(schedule: str, *, now: datetime) -> int:
    """A journey whose slot fails keeps it for the next tick, with an alarm; the others go on."""
    try:
        with transaction.atomic():
            return _take(schedule, now=now)
    except (OperationalError, InterfaceError):
        raise  # the database was busy or away: no journey is to blame
    except Exception as error:
        log.exception("the slot of %s failed", schedule)
        alarms.ring(schedule, gettext_noop("enrolment failed: %(error)s"), now=now, error=type(error).__name__)
        return 0


def _take(schedule: str, *, now: datetime) -> int:
    """The journey is locked before its schedule, as by those who steer it; the other way round they would meet in a ring."""
    key = schedule.removeprefix(PREFIX)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM automation_journey WHERE key = %s FOR SHARE", [key])
    slots = schedules.take(schedule, now=now)
    for slot in slots:
        enrolled = enrol_for(key, slot.at, now=now)
        schedules.report(slot.slot, **asdict(enrolled))
    if slots:
        nudge("automation.advance")
    return len(slots)


def enrol_for(key: str, slot: datetime, *, now: datetime) -> Enrolled:
    """One pass of a journey for a slot; the same slot again enrols nobody twice."""
    journey = Journey.objects.select_related("live__journey").get(key=key)
    if journey.live is None:
        return Enrolled()
    return enrol(journey.live, cause=Cause(f"journey:{key}", f"slot/{slot.isoformat()}"), as_of=now)
