"""What is kept for a time only, by the database's clock: answers for 30 days, nonces for an hour, log-in tries for a day."""

from __future__ import annotations

from django.db import connection

SLICE = 5000
# A nonce counts for ten minutes (five either side of now); the rest of the hour is for clocks that differ.
KEPT = {
    "ground_answer": ("made_at", "30 days"),
    "ground_nonce": ("seen_at", "1 hour"),
    "ground_logintry": ("since", "1 day"),
}


def sweep() -> int:
    swept = 0
    with connection.cursor() as cursor:
        for table, (since, kept) in KEPT.items():
            while True:
                cursor.execute(
                    f"""DELETE FROM {table} WHERE id IN (
                            SELECT id FROM {table} WHERE {since} < statement_timestamp() - %s::interval
                            ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)""",
                    [kept, SLICE],
                )
                swept += cursor.rowcount
                if cursor.rowcount < SLICE:
                    break
    return swept
