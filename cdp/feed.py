"""One queue: a reader is told once of a fact, and its effects commit with the row's removal.

Claiming is by member: a drain locks members (id order, skipping those that another drain holds), takes all rows that wait for
them and hands them to the reader in the order in which they happened; what has not happened yet waits. A reader that fails is
retried member by member; a member that failed three times is parked for that reader, with an alarm, while the others go on.
A merge takes the waiting rows along; those that were written for the one that went in the same moment follow when nobody else
waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop

from cdp.models import FeedRow, Interest
from config.ground import alarms
from config.ground.columns import column
from config.ground.registry import Registry

log = logging.getLogger(__name__)

PROFILE = (
    "profile"  # the first reader; it tells the others, so that they hear of a fact only after the profile contains it
)
TRIES = 3


class Heard(NamedTuple):
    kind: str  # "order", "refund", or an event's type
    ref: int  # Order.id, Refund.id or Event.id
    member: int
    at: datetime  # when it happened (with `ref` the key of an event)


class Read(Protocol):
    def __call__(self, heard: list[Heard], *, now: datetime) -> None: ...


READERS: Registry[Read] = Registry("feed reader")


def listen(reader: str, kinds: Iterable[str]) -> None:
    """Note what a reader wants from now on. Call it in the transaction that publishes what needs it."""
    Interest.objects.bulk_create([Interest(reader=reader, kind=kind) for kind in kinds], ignore_conflicts=True)


def tell(reader: str, facts: Sequence[Heard], *, new: bool = False) -> None:
    """`new`: the facts got their numbers in this transaction, so nobody was told; to look first costs half as much again."""
    if not facts:
        return
    told_before = "" if new else "ON CONFLICT (reader, kind, ref) DO NOTHING"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO cdp_feedrow (reader, kind, ref, member_id, at, failures, parked)
                SELECT %s, kind, ref, member, at, 0, false
                FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[]) AS f (kind, ref, member, at)
                {told_before}""",
            [reader, *_columns(facts)],
        )


def tell_listeners(facts: Sequence[Heard]) -> None:
    """Tell every reader but the first what it listens to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_feedrow (reader, kind, ref, member_id, at, failures, parked)
               SELECT i.reader, f.kind, f.ref, f.member, f.at, 0, false
               FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[]) AS f (kind, ref, member, at)
               JOIN cdp_interest i ON i.kind = f.kind AND i.reader <> %s
               ON CONFLICT (reader, kind, ref) DO NOTHING""",
            [*_columns(facts), PROFILE],
        )


def drain(reader: str, *, limit: int, now: datetime) -> int:
    """Hand the waiting rows of up to `limit` members to the reader. Returns how many members were handled; 0: none waits."""
    members = _attempt(reader, None, limit, now=now)
    return len(members)


def _attempt(reader: str, among: list[int] | None, limit: int, *, now: datetime) -> list[int]:
    members: list[int] = []
    try:
        with transaction.atomic():
            members = _claim(reader, among, limit, now=now)
            if not members and among is None and _follow(reader, now=now):
                members = _claim(reader, among, limit, now=now)
            if members:
                READERS.get(reader)(_take(reader, members, now=now), now=now)
        return members
    except (OperationalError, InterfaceError):
        raise  # the database was busy or away: no member is to blame, and the rows wait
    except Exception as error:
        if not members:
            raise
        if len(members) > 1:
            middle = len(members) // 2
            _attempt(reader, members[:middle], middle, now=now)
            _attempt(reader, members[middle:], limit, now=now)
            return members
        log.exception("reader %s failed for member %s", reader, members[0])
        _count_failure(reader, members[0], error, now=now)
        return members


def _claim(reader: str, among: list[int] | None, limit: int, *, now: datetime) -> list[int]:
    """Lock members, not rows: all that waits for a member is handled by one drain, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT m.id
               FROM (SELECT DISTINCT member_id FROM cdp_feedrow
                     WHERE reader = %s AND NOT parked AND at <= %s
                       AND (%s::bigint[] IS NULL OR member_id = ANY(%s))) waiting
               JOIN cdp_member m ON m.id = waiting.member_id AND m.merged_into_id IS NULL
               ORDER BY m.id LIMIT %s
               FOR NO KEY UPDATE OF m SKIP LOCKED""",
            [reader, now, among, among, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def _follow(reader: str, *, now: datetime) -> bool:
    """What waits for members that were merged away is for who stands for them. Asked when little waits, so it costs little."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH late AS (SELECT f.id, m.merged_into_id FROM cdp_feedrow f JOIN cdp_member m ON m.id = f.member_id
                             WHERE f.reader = %s AND NOT f.parked AND f.at <= %s AND m.merged_into_id IS NOT NULL
                             ORDER BY f.id FOR UPDATE OF f SKIP LOCKED)
               UPDATE cdp_feedrow f SET member_id = late.merged_into_id FROM late WHERE f.id = late.id""",
            [reader, now],
        )
        return cursor.rowcount > 0


def _take(reader: str, members: list[int], *, now: datetime) -> list[Heard]:
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH taken AS (DELETE FROM cdp_feedrow
                              WHERE reader = %s AND member_id = ANY(%s) AND NOT parked AND at <= %s
                              RETURNING id, kind, ref, member_id, at)
               SELECT kind, ref, member_id, at FROM taken ORDER BY member_id, at, id""",
            [reader, members, now],
        )
        return [Heard(*row) for row in cursor.fetchall()]


def _count_failure(reader: str, member: int, error: Exception, *, now: datetime) -> None:
    """In a transaction of its own, so that the count survives what failed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """UPDATE cdp_feedrow SET failures = failures + 1, parked = failures + 1 >= %s
               WHERE reader = %s AND member_id = %s AND NOT parked AND at <= %s RETURNING parked""",
            [TRIES, reader, member, now],
        )
        if any(row[0] for row in cursor.fetchall()):
            alarms.ring(
                f"feed:{reader}:{member}",
                gettext_noop("%(error)s while the reader %(reader)s heard of a member"),
                now=now,
                error=type(error).__name__,
                reader=reader,
            )


def waiting(reader: str) -> int:
    return FeedRow.objects.filter(reader=reader, parked=False).count()


def _columns(facts: Sequence[Heard]) -> list[str]:
    return [column(values) for values in zip(*facts, strict=True)] or ["{}"] * 4
