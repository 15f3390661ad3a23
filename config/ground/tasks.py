"""What the floor does by itself: it sweeps what is kept for a time only, and flies the canary.

The canary: a task that leaves its mark in PostgreSQL, so that consumption is seen and not believed.
"""

from __future__ import annotations

from celery import shared_task
from django.db import connection

from config.ground import clock, jobs, sweep


@shared_task(name="ground.canary")
def canary(sender: str) -> None:
    """`sender` is who asked (beat, or a worker's own timer); the instant is the database's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ground_heartbeat (name, seen_at) VALUES (%s, clock_timestamp())
               ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at""",
            [sender],
        )


@shared_task(name="ground.sweep")
def sweep_up() -> None:
    sweep.sweep()


@shared_task(name="ground.jobs")
def do_jobs() -> None:
    jobs.run_waiting(clock.now)
