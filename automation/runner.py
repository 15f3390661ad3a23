"""Steps advance in sets: lock a slice of due enrolments, act, write the step runs, move on, commit.

No lease: nothing outside the database happens in a step, so the row lock is the lease. A slice that fails is halved down to the
poison row, which is parked with its reason while the others go on. A step that nobody can take waits, with an alarm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop

from automation import document, stepping
from automation.enrolment import close_due
from automation.errors import StepBroken
from automation.models import Enrolment, JourneyVersion
from automation.stepping import Stage
from config.ground import alarms

log = logging.getLogger(__name__)

SLICE = 20_000  # 2.3 s with a send on 2 cores; smaller ones cost more statements, larger ones hold their locks longer

_DUE = """
    SELECT e.version_id, e.step FROM automation_enrolment e JOIN automation_journey j ON j.id = e.journey_id
    WHERE e.state = 'open' AND e.due_at <= %s AND j.state IN ('live', 'drained')
    GROUP BY 1, 2 ORDER BY min(e.due_at), 1, 2
"""


def advance_due(*, now: datetime) -> int:
    """Everything that is due, in the order it fell due, until nothing is; then close what is over. Returns the steps taken."""
    taken = 0
    while moved := sum(_drain(version, step, now) for version, step in _due(now)):
        taken += moved
    close_due(now=now)
    return taken


def advance(version: JourneyVersion, step: str, *, limit: int, now: datetime) -> int:
    """Move up to `limit` enrolments that are due at a step. Returns how many were handled; 0 too when the step is broken."""
    stage = Stage(version.pk, version.origin, document.parse(version.document), step)
    try:
        return _attempt(stage, None, limit, now=now)
    except StepBroken as error:
        log.error("%s cannot take step %s: %s", stage.origin, step, error)
        alarms.ring(
            f"{stage.origin}/{step}", gettext_noop("nobody can take this step: %(error)s"), now=now, error=str(error)
        )
        return 0


def _due(now: datetime) -> Iterable[tuple[JourneyVersion, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now])
        due = cursor.fetchall()
    versions = JourneyVersion.objects.select_related("journey").in_bulk({version for version, _step in due})
    return [(versions[version], step) for version, step in due]


def _drain(version: JourneyVersion, step: str, now: datetime) -> int:
    moved = 0
    while count := advance(version, step, limit=SLICE, now=now):
        moved += count
    return moved


def _attempt(stage: Stage, among: list[int] | None, limit: int, *, now: datetime) -> int:
    locked: list[int] = []
    try:
        with transaction.atomic():
            turns = stepping.lock(stage, among, limit, now=now)
            locked = [turn.enrolment for turn in turns]
            stepping.take(stage, turns, now=now)
        return len(locked)
    except (OperationalError, InterfaceError, StepBroken):
        raise  # the database was busy or away, or nobody can take the step: no row is to blame
    except Exception as error:
        if not locked:
            raise
        if len(locked) == 1:
            log.exception("enrolment %s failed at step %s", locked[0], stage.step)
            _park(stage, locked[0], error, now=now)
        else:
            middle = len(locked) // 2
            for half in (locked[:middle], locked[middle:]):
                _attempt(stage, half, len(half), now=now)
        return len(locked)


def _park(stage: Stage, enrolment: int, error: Exception, *, now: datetime) -> None:
    """The kind of error only: its text may hold what must not be kept."""
    kind = type(error).__name__
    with transaction.atomic():
        parked = Enrolment.objects.filter(pk=enrolment, state=Enrolment.State.OPEN, step=stage.step)
        if parked.update(state=Enrolment.State.FAILED, reason=f"{stage.step}: {kind}", due_at=None):
            alarms.ring(
                f"enrolment:{enrolment}",
                gettext_noop("%(journey)s, step %(step)s: %(error)s"),
                now=now,
                journey=stage.origin,
                step=stage.step,
                error=kind,
            )
