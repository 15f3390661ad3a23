"""Doors for the worker. A task is a nudge: it reads the clock, calls one verb, and answers nothing."""

from __future__ import annotations

import time

from celery import shared_task

from config.ground import clock
from connectors import dispatch, unknown

SLICE = 100  # messages for one reading of the clock: one call of the provider that carries most
LONGEST = 60  # seconds of work for one nudge; the next tick goes on


@shared_task(name="connectors.dispatch")
def send_due() -> None:
    started = time.monotonic()
    while dispatch.send_due(limit=SLICE, now=clock.now()) and time.monotonic() - started < LONGEST:
        pass


@shared_task(name="connectors.settle_unknown")
def settle_unknown() -> None:
    started = time.monotonic()
    while unknown.settle(now=clock.now()) and time.monotonic() - started < LONGEST:
        pass
