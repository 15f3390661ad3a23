"""Doors for the worker. A task is a nudge: it reads the clock, calls one verb, and answers nothing."""

from __future__ import annotations

from datetime import datetime

from celery import shared_task

from cdp import daily, feed, joining, judging, parked
from cdp.quality.watch import watch
from config.ground import clock

SLICE = 1000  # members a drain: a few hundred ms of refresh each, so locks stay short and a lost worker loses little


@shared_task(name="cdp.absorb")
def absorb() -> None:
    """Drain every reader until nothing waits; the profile first, since it tells the others."""
    drain_all()


def drain_all(as_of: datetime | None = None) -> int:
    """Every reader hears what happened up to an instant, or up to now. Returns how many members were handled."""
    handled = 0
    for reader in sorted(feed.READERS, key=lambda name: name != feed.PROFILE):
        while members := feed.drain(reader, limit=SLICE, now=as_of or clock.now()):
            handled += members
    return handled


@shared_task(name="cdp.join")
def join() -> None:
    """What a crash left between a batch and the joining of its members; and the pairs that became one otherwise."""
    joining.join_due(now=clock.now())
    joining.overtake(now=clock.now())


@shared_task(name="cdp.daily")
def turn_day() -> None:
    if not daily.turn(now=clock.now()):
        daily.catch_due(now=clock.now())
    parked.ring_for_late(now=clock.now())
    watch(now=clock.now())


@shared_task(name="cdp.judge")
def judge() -> None:
    """Segments and tag rules that were saved, or that time alone may have changed."""
    judging.judge(now=clock.now())
