"""Rows that wait for the one they belong to. They wait for ever; who waits longer than the brand's patience rings, once."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from config.ground import alarms, clock, durations
from config.ground.models import Brand

_LATE = """
    WITH late AS (UPDATE cdp_parked SET alarmed_at = %s WHERE alarmed_at IS NULL AND parked_at <= %s
                  RETURNING source_id, kind, external_id, waits_for)
    SELECT s.code, late.kind, count(*), min(late.external_id) FROM late JOIN cdp_source s ON s.id = late.source_id
    GROUP BY s.code, late.kind ORDER BY s.code, late.kind
"""


@transaction.atomic
def ring_for_late(*, now: datetime) -> int:
    """An alarm per source and kind for the rows whose patience ended since the last look. Returns how many rows."""
    text = Brand.objects.the().parked_for
    patience = durations.parse(text)
    assert patience, "the brand's own law"
    with connection.cursor() as cursor:
        cursor.execute(_LATE, [now, patience.before(now, clock.zone())])
        late = cursor.fetchall()
    for source, kind, count, one in late:
        alarms.ring(
            f"parked:{source}:{kind}",
            gettext_noop("%(count)s rows wait longer than %(patience)s for the one they belong to, among them %(one)s"),
            now=now,
            count=count,
            patience=text,
            one=one,
        )
    return sum(count for _source, _kind, count, _one in late)
