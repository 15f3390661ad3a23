"""The main job on a time line: the brand's clock stands at a stop until everything of that instant is done, then moves on.

A stop is a local midnight or an occurrence of a manager's schedule. What happens there is what production does, through the
same verbs; only the wake-ups are missing. A stop ends with a barrier: the sandbox delivers every receipt that is due, so two
runs over the same past give the same figures. A run that was interrupted is called again and goes on where the clock stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.db.models import Min

from automation import runner, schedules
from automation.results import rollup
from cdp import daily
from cdp.quality.watch import watch
from cdp.tasks import drain_all
from config.ground import clock
from config.ground.models import Schedule
from connectors import dispatch, outbox, unknown

OVERLAP = timedelta(days=2)  # told again after an interruption, and found to be known
PATIENCE = 120  # seconds for one stop: lost answers are asked for within a few; more means that the sandbox is gone


class Stuck(Exception):
    """Messages neither go nor fail: the sandbox does not answer."""


class Past(Protocol):
    def __call__(self, since: datetime, until: datetime, *, now: datetime) -> object:
        """Bring in the facts with since < instant <= until, through the ingest verbs."""


def run(
    tell: Past, *, until: datetime, barrier: Callable[[datetime], object], passed: Callable[[datetime], None]
) -> None:
    """From where the clock stands to `until`, both included. `passed` hears of each stop."""
    told = clock.now() - OVERLAP
    while True:
        now = clock.now()
        tell(told, now, now=now)
        turned = daily.turn(now=now)
        watch(now=now)
        settle(now=now)
        barrier(now)
        settle(now=now)
        if turned or now >= until:
            rollup.catch_up(now=now)
        passed(now)
        if now >= until:
            return
        told = now
        clock.move(min(_next_stop(now), until))


def settle(*, now: datetime) -> None:
    """Do all that is due at an instant, until nothing moves any more: receipts bring events, events bring conversions."""
    deadline = time.monotonic() + PATIENCE
    while (worked := _work(now)) or outbox.unsettled(now=now):
        if time.monotonic() > deadline:
            raise Stuck(f"{outbox.unsettled(now=now)} messages neither go nor fail; does the sandbox answer?")
        if not worked:
            time.sleep(0.1)  # a lost answer is asked for after the account's query_lag of real time


def _work(now: datetime) -> int:
    return (
        drain_all()
        + schedules.run_due(now=now)
        + runner.advance_due(now=now)
        + dispatch.send_due(now=now)
        + unknown.settle(now=now)
    )


def _next_stop(now: datetime) -> datetime:
    due = Schedule.objects.filter(paused=False, next_at__gt=now).aggregate(first=Min("next_at"))["first"]
    return min(due or datetime.max.replace(tzinfo=UTC), clock.next_midnight(now, clock.zone()))
