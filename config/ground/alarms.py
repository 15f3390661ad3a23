"""What needs a human: one open alarm per subject, however often it happens.

What it says is kept as its English text (marked with gettext_noop) and the values in it, and read in the reader's language.
"""

from __future__ import annotations

import json
from datetime import datetime

from django.db import connection

from config.ground.models import Alarm


def ring(subject: str, detail: str, *, now: datetime, **said: str | int) -> None:
    """`detail` may name values like `%(count)s`; they stand in `said`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ground_alarm (subject, detail, said, first_at, last_at, count) VALUES (%s, %s, %s, %s, %s, 1)
               ON CONFLICT (subject) WHERE closed_at IS NULL
               DO UPDATE SET detail = excluded.detail, said = excluded.said, last_at = excluded.last_at,
                    count = ground_alarm.count + 1""",
            [subject[:200], detail, json.dumps(said, ensure_ascii=False), now, now],
        )


def close(subject: str, *, now: datetime) -> bool:
    return Alarm.objects.filter(subject=subject, closed_at=None).update(closed_at=now) == 1
