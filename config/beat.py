"""Beat's scheduler: django-celery-beat's, over exactly our interval ticks, put right at every start.

No leader is chosen: a second beat doubles nudges, and a nudge claims rows or finds none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from config.ticks import CANARY, CANARY_SECONDS, TICKS

OURS = "tick: "
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@transaction.atomic
def repair() -> None:
    wanted = {task: (seconds, "[]") for task, seconds in TICKS.items()} | {CANARY: (CANARY_SECONDS, '["beat"]')}
    for task, (seconds, arguments) in wanted.items():
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.update_or_create(
            name=OURS + task,
            defaults={
                "task": task,
                "interval": interval,
                "crontab": None,
                "args": arguments,
                "expire_seconds": max(seconds, 10),
                "enabled": True,
                "one_off": False,
                "last_run_at": LONG_AGO,  # due at once; and a clock that was ahead must not silence a tick
            },
        )
    PeriodicTask.objects.filter(name__startswith=OURS).exclude(task__in=wanted).delete()
    PeriodicTasks.update_changed()


class Scheduler(DatabaseScheduler):
    def setup_schedule(self) -> None:
        repair()
        super().setup_schedule()

    def install_default_entries(self, data: Any) -> None:
        """None: there are no results to clean up."""
