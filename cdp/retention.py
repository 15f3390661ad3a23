"""What is not kept: events older than their type is kept for, what third parties told of members who withdrew, and what was in
somebody's hands when a member was erased.

Once a brand day, in slices that commit by themselves; a pass that was killed goes on with the next one, and running it twice
changes nothing. That a row was seen stays, so a late repeat of what was deleted is a duplicate still.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from cdp import erasure, feed
from cdp.ingest.batch import HISTORY
from cdp.models import EventType
from config.ground import audit, clock

SLICE = 5000  # events: some tens of milliseconds of row locks

# The months that begin before an instant: the others hold nothing that is older.
_MONTHS = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'cdp_event'::regclass AND c.relname < 'cdp_event_' || to_char(%s AT TIME ZONE 'UTC', 'YYYY_MM_DD')
    ORDER BY 1
"""
# What is known of whose events went is another thing now; nobody is triggered by it. Our own events are no part of it.
_KNOWN = f"""
    INSERT INTO cdp_feedrow (reader, kind, ref, member_id, at, failures, parked)
    SELECT '{feed.PROFILE}', '{HISTORY}', nextval('cdp_feedrow_id_seq'), member_id, %(now)s, 0, false
    FROM (SELECT DISTINCT member_id FROM gone WHERE member_id IS NOT NULL AND strpos(type, '.') = 0) whose
"""
# In the order of ids, each slice after the one before: what was deleted is not looked through again.
_OLD = f"""
    WITH old AS (
        SELECT e.id, e.occurred_at, e.type FROM {{month}} e
        JOIN unnest(%(types)s::text[], %(until)s::timestamptz[]) AS kept (type, until)
             ON kept.type = e.type AND e.occurred_at < kept.until
        WHERE e.id > %(after)s ORDER BY e.id LIMIT %(slice)s),
    gone AS (DELETE FROM {{month}} e USING old WHERE (e.id, e.occurred_at) = (old.id, old.occurred_at)
             RETURNING e.id, e.type, e.member_id),
    counted AS (SELECT type, count(*) AS count FROM gone GROUP BY type),
    told AS (UPDATE cdp_eventtype t SET deleted = t.deleted + counted.count FROM counted WHERE t.code = counted.type),
    known AS ({_KNOWN})
    SELECT type, count, (SELECT max(id) FROM gone) FROM counted
"""

# In a word of their own: what only a merge says may be undone, and what went would not come back.
_WITHDRAWN = "refusal.purpose = 'third_party' AND refusal.state = 'withdrawn' AND refusal.merge_id IS NULL"
_TOLD = f"""
    WITH gone AS (
        DELETE FROM cdp_event WHERE (id, occurred_at) IN (
            SELECT e.id, e.occurred_at FROM cdp_consent refusal
            JOIN cdp_event e ON e.member_id = refusal.member_id
            JOIN cdp_source s ON s.id = e.source_id AND s.third_party
            WHERE {_WITHDRAWN} LIMIT %(slice)s)
        RETURNING member_id, type),
    known AS ({_KNOWN})
    SELECT count(*) FROM gone
"""
_ATTRIBUTES = f"""
    WITH held AS (  -- first the member, as everybody does who changes what is known of one
        SELECT m.id FROM cdp_member m
        WHERE EXISTS (SELECT FROM cdp_thirdpartyattribute t WHERE t.member_id = m.id)
          AND EXISTS (SELECT FROM cdp_consent refusal WHERE refusal.member_id = m.id AND {_WITHDRAWN})
        ORDER BY m.id FOR NO KEY UPDATE),
    gone AS (
        DELETE FROM cdp_thirdpartyattribute t USING held WHERE held.id = t.member_id RETURNING t.member_id, t.name),
    names AS (SELECT member_id, array_agg(name) AS names FROM gone GROUP BY member_id)
    UPDATE cdp_member m SET attributes = m.attributes - names.names FROM names WHERE m.id = names.member_id
    RETURNING cardinality(names.names)
"""


def sweep(*, now: datetime) -> dict[str, int]:
    """Returns what went, by what it was: `event:` and its type, or what else."""
    went = {f"event:{code}": count for code, count in sorted(_older(now).items())} | {
        "third_party_events": _told_by_third_parties(now),
        "third_party_attributes": _attributes_of_third_parties(),
        "of_erased": erasure.finish_recent(now=now),
    }
    went = {what: count for what, count in went.items() if count}
    if went:
        audit.note("huitou", "retention.swept", "retention", now=now, **went)
    return went


def kept_until(days: int, *, now: datetime) -> datetime:
    """What happened before is not kept: the local midnight so many days before today's."""
    tz = clock.zone()
    return clock.midnight(clock.local_day(now, tz) - timedelta(days=days), tz)


def _older(now: datetime) -> Counter[str]:
    kept = dict(EventType.objects.exclude(retention_days=None).values_list("code", "retention_days"))
    until = {code: kept_until(days, now=now) for code, days in kept.items() if days}
    went: Counter[str] = Counter()
    for month in _months(max(until.values())) if until else ():
        after = 0
        while slice := _delete(month, until, after, now):
            went.update({code: count for code, count, _last in slice})
            after = slice[0][2]
    EventType.objects.filter(code__in=until).update(swept_at=now)
    return went


def _months(before: datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, [before])
        return [row[0] for row in cursor.fetchall()]


def _delete(month: str, until: dict[str, datetime], after: int, now: datetime) -> list[tuple[str, int, int]]:
    """A slice of a month: (type, how many, the last id)."""
    asked: dict[str, Any] = {
        "types": list(until),
        "until": list(until.values()),
        "after": after,
        "slice": SLICE,
        "now": now,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OLD.format(month=month), asked)
        return cursor.fetchall()


def _told_by_third_parties(now: datetime) -> int:
    went = 0
    while count := _slice(_TOLD, slice=SLICE, now=now):
        went += count
    return went


def _attributes_of_third_parties() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES)
        return sum(row[0] for row in cursor.fetchall())


def _slice(sql: str, **values: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.fetchone()[0])
