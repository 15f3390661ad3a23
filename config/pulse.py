"""A worker's own look at the clock, and the proof that it consumes.

Each worker sends the ticks itself at half of beat's pace, so beat is no single point of failure. Whenever a task was accepted
since the last look, or one is running (its time limit bounds that), the file HUITOU_PULSE is touched; the supervisor restarts
a worker whose file has grown old: a process that exists and takes nothing from a living broker is of no use.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.worker import state
from kombu.exceptions import OperationalError

from config.ticks import CANARY, CANARY_SECONDS, TICKS

log = logging.getLogger(__name__)

LOOK = 2  # seconds


class Pulse(bootsteps.StartStopStep):
    requires = {"celery.worker.components:Timer"}

    def __init__(self, worker: Any, **_: Any) -> None:
        file = os.environ.get("HUITOU_PULSE")
        self.file = Path(file) if file else None
        self.accepted = -1
        self.timers: list[Any] = []

    def start(self, worker: Any) -> None:
        every = worker.timer.call_repeatedly
        self.timers = [every(2 * seconds, self.send, (worker.app, task)) for task, seconds in TICKS.items()]
        self.timers.append(every(CANARY_SECONDS, self.send, (worker.app, CANARY, "worker")))
        self.timers.append(every(LOOK, self.look))
        self.timers.append(worker.timer.call_after(1, self.send, (worker.app, CANARY, "worker")))

    def stop(self, worker: Any) -> None:
        for timer in self.timers:
            timer.cancel()

    def send(self, app: Any, task: str, *args: str) -> None:
        try:
            app.send_task(task, args=args, expires=10, retry=False)
        except (OperationalError, OSError) as problem:
            log.warning("the broker did not take the tick %s: %s", task, type(problem).__name__)

    def look(self) -> None:
        accepted = sum(state.total_count.values())
        if self.file and (accepted != self.accepted or state.active_requests):
            self.file.touch()
        self.accepted = accepted
