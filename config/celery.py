"""The worker's application. A message is a nudge: it may be lost, doubled or late, and the rows still say what is to be done.

Ticks are short intervals, each with an expiry; any number of beats and workers may send them, since every task claims rows.
What is due at a manager's hour is a Schedule row with unique slots, never a tick.
"""

from __future__ import annotations

import os
import warnings
from logging.config import dictConfig

if "DJANGO_SETTINGS_MODULE" not in os.environ:  # `celery -A config.celery worker`, without manage.py
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.setdefault("HUITOU_ROLE", "worker")

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from django.conf import settings

from config.parental import dies_with_parent
from config.pulse import Pulse

warnings.filterwarnings("ignore", category=SecurityWarning)  # about root and pickle; we read JSON only
TASK_LIMIT = 600

app = Celery("huitou", broker=settings.BROKER_URL, set_as_current=True)
app.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=False,  # a repeat costs work, a loss costs one tick
    task_publish_retry=False,
    task_time_limit=TASK_LIMIT,
    task_soft_time_limit=TASK_LIMIT - 15,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=2_000,
    worker_max_memory_per_child=600_000,  # kB
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": TASK_LIMIT + 300,
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    beat_scheduler="config.beat:Scheduler",
    beat_sync_every=1,
    beat_max_loop_interval=5,
    timezone="UTC",
)
app.autodiscover_tasks()
app.steps["worker"].add(Pulse)


@signals.setup_logging.connect
def log_as_django_does(**_: object) -> None:
    dictConfig(settings.LOGGING)


@signals.worker_process_init.connect
def end_with_the_worker(**_: object) -> None:
    if die := dies_with_parent():
        die()
