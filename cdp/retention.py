"""What is not kept: what third parties told of members who withdrew, and what was in somebody's hands when a member was erased.

Once a brand day, in slices that commit by themselves; a pass that was killed goes on with the next one, and running it twice
changes nothing. That a row was seen stays, so a late repeat of what was deleted is a duplicate still.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from cdp import erasure
from config.ground import audit

SLICE = 5000  # events: some tens of milliseconds of row locks

_WITHDRAWN = "refusal.purpose = 'third_party' AND refusal.state = 'withdrawn'"
_TOLD = f"""
    DELETE FROM cdp_event WHERE (id, occurred_at) IN (
        SELECT e.id, e.occurred_at FROM cdp_consent refusal
        JOIN cdp_event e ON e.member_id = refusal.member_id
        JOIN cdp_source s ON s.id = e.source_id AND s.third_party
        WHERE {_WITHDRAWN} LIMIT %s)
"""
_ATTRIBUTES = f"""
    WITH gone AS (
        DELETE FROM cdp_thirdpartyattribute t USING cdp_consent refusal
        WHERE refusal.member_id = t.member_id AND {_WITHDRAWN} RETURNING t.member_id, t.name),
    names AS (SELECT member_id, array_agg(name) AS names FROM gone GROUP BY member_id),
    held AS (SELECT m.id FROM cdp_member m JOIN names ON names.member_id = m.id ORDER BY m.id FOR NO KEY UPDATE OF m)
    UPDATE cdp_member m SET attributes = m.attributes - names.names
    FROM names JOIN held ON held.id = names.member_id WHERE m.id = names.member_id
    RETURNING cardinality(names.names)
"""


def sweep(*, now: datetime) -> dict[str, int]:
    """Returns what went, by what it was."""
    went = {
        "third_party_events": _told_by_third_parties(),
        "third_party_attributes": _attributes_of_third_parties(),
        "of_erased": erasure.finish_recent(now=now),
    }
    went = {what: count for what, count in went.items() if count}
    if went:
        audit.note("huitou", "retention.swept", "retention", now=now, **went)
    return went


def _told_by_third_parties() -> int:
    went = 0
    while count := _slice(_TOLD, SLICE):
        went += count
    return went


def _attributes_of_third_parties() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES)
        return sum(row[0] for row in cursor.fetchall())


def _slice(sql: str, *values: object) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, list(values))  # type: ignore[arg-type]
        return int(cursor.rowcount)
