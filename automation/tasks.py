"""Doors for the worker. A task is a nudge: it reads the clock, calls one verb, and answers nothing."""

from __future__ import annotations

from celery import shared_task

from automation import runner, schedules
from automation.results import rollup
from config.ground import clock


@shared_task(name="automation.schedules")
def run_schedules() -> None:
    schedules.run_due(now=clock.now())


@shared_task(name="automation.advance")
def advance() -> None:
    runner.advance_due(now=clock.now())


@shared_task(name="automation.roll_up")
def roll_up() -> None:
    rollup.catch_up(now=clock.now())
