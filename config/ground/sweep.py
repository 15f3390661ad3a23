"""What is kept for a time only, by the database's clock: answers and files for 30 days, nonces for an hour, log-in tries for a
day. A room above adds its tables with `keep`.
"""

from __future__ import annotations

from django.db import connection

SLICE = 5000
# A nonce counts for ten minutes (five either side of now); the rest of the hour is for clocks that differ.
KEPT = {
    "ground_answer": ("made_at", "30 days"),
    "ground_jobfile": ("made_at", "30 days"),
    "ground_nonce": ("seen_at", "1 hour"),
    "ground_logintry": ("since", "1 day"),
}


def keep(table: str, since: str, kept: str) -> None:
    """Rows of a table with an `id` go when the instant in the column `since` lies longer back than `kept`, an interval."""
    KEPT[table] = (since, kept)


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
