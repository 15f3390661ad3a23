"""A wake-up for the workers, sent after the commit. It carries nothing: a lost one only delays until the next tick."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

EXPIRES = 30  # seconds; a nudge that waited longer than a few ticks has nothing to add to them


def nudge(task: str) -> None:
    transaction.on_commit(lambda: _send(task))


def _send(task: str) -> None:
    try:
        current_app.send_task(task, expires=EXPIRES, ignore_result=True, retry=False)
    except OperationalError:
        log.warning("the broker did not take a nudge for %s; the next tick will do", task)
