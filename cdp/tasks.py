"""Doors for the worker. A task is a nudge: it reads the clock, calls one verb, and answers nothing."""

from __future__ import annotations

from celery import shared_task

from cdp import daily, feed, imports, parked
from config.ground import clock

JOBS = (imports.LOOK, imports.IMPORT)  # what a worker can do of this room: they are registered with it
SLICE = 1000  # members a drain: a few hundred ms of refresh each, so locks stay short and a lost worker loses little


@shared_task(name="cdp.absorb")
def absorb() -> None:
    """Drain every reader until nothing waits; the profile first, since it tells the others."""
    drain_all()


def drain_all() -> int:
    handled = 0
    for reader in sorted(feed.READERS, key=lambda name: name != feed.PROFILE):
        while members := feed.drain(reader, limit=SLICE, now=clock.now()):
            handled += members
    return handled


@shared_task(name="cdp.daily")
def turn_day() -> None:
    daily.turn(now=clock.now())
    parked.ring_for_late(now=clock.now())
