"""The ticks are what the list says, after every start, and each names a task that a worker knows."""

from __future__ import annotations

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import beat
from config.celery import app
from config.ticks import CANARY, TICKS


def test_every_tick_names_a_task_that_a_worker_knows():
    app.loader.import_default_modules()

    assert sorted({*TICKS, CANARY} - set(app.tasks)) == []


def ticks():
    return set(PeriodicTask.objects.values_list("task", "interval__every", "args", "enabled", "expire_seconds"))


@pytest.mark.django_db
def test_a_start_puts_the_ticks_right_and_leaves_other_entries_alone():
    beat.repair()
    right = ticks()
    other = PeriodicTask.objects.create(
        name="a manager's", task="x", interval=IntervalSchedule.objects.create(every=9, period="seconds")
    )
    PeriodicTask.objects.filter(task="cdp.absorb").update(enabled=False, expire_seconds=None)
    PeriodicTask.objects.filter(task="cdp.daily").delete()
    PeriodicTask.objects.create(name="tick: gone", task="cdp.gone", interval=other.interval)

    beat.repair()
    beat.repair()

    assert len(right) == len(TICKS) + 1
    assert {tick for tick in ticks() if tick[0] != "x"} == right
    assert PeriodicTask.objects.filter(pk=other.pk).exists()


def test_a_message_can_be_lost_but_never_wait_for_ever():
    assert app.conf.task_ignore_result and not app.conf.task_acks_late
    assert app.conf.accept_content == ["json"]
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit
