"""Which journeys ask for a segment: it stays as long as one that is not archived does, in whatever version."""

from __future__ import annotations

from django.db import connection

_ASK = """
    SELECT DISTINCT j.key FROM automation_journey j JOIN automation_journeyversion v ON v.journey_id = j.id
    WHERE j.state <> 'archived'
      AND jsonb_path_exists(v.document, '$.**.segment ? (@ == $key)', jsonb_build_object('key', %s::text)) ORDER BY 1
"""


def journeys(segment: str) -> list[str]:
    """Their keys."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [segment])
        return [row[0] for row in cursor.fetchall()]
