"""What needs a human: one open alarm per subject, however often it happens."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from config.ground.models import Alarm


def ring(subject: str, detail: str, *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ground_alarm (subject, detail, first_at, last_at, count) VALUES (%s, %s, %s, %s, 1)
               ON CONFLICT (subject) WHERE closed_at IS NULL
               DO UPDATE SET detail = excluded.detail, last_at = excluded.last_at, count = ground_alarm.count + 1""",
            [subject, detail, now, now],
        )


def close(subject: str, *, now: datetime) -> bool:
    return Alarm.objects.filter(subject=subject, closed_at=None).update(closed_at=now) == 1
