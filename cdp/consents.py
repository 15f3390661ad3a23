"""What a member said about being contacted: appended, never edited; the latest word is in force, and a withdrawal wins a tie.

A word for a member that was merged away is a word for the one who stands for it. Of two who become one the stricter word is in
force, and a withdrawal while they were one holds for both when they part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from cdp import roots
from cdp.models import Consent, Merge
from cdp.models.consent import State


@dataclass(frozen=True)
class Said:
    member: int
    channel: str  # "sms"
    purpose: str  # "marketing"
    state: str  # "granted" | "withdrawn"
    at: datetime
    evidence: str


@transaction.atomic
def set_state(said: Sequence[Said], *, now: datetime) -> set[int]:
    """Append what was not said before in the same words at the same instant. Returns whose word is new."""
    standing = roots.hold(row.member for row in said)
    said = [replace(row, member=standing.get(row.member, row.member)) for row in said]
    columns: tuple[list[object], ...] = tuple(
        [getattr(row, name) for row in said] for name in ("member", "channel", "purpose", "state", "at", "evidence")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_consentrecord (member_id, channel, purpose, state, at, evidence, recorded_at)
               SELECT s.*, %s FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
                    AS s (member, channel, purpose, state, at, evidence)
               ORDER BY member, channel, purpose, at
               ON CONFLICT DO NOTHING RETURNING member_id""",
            [now, *columns],
        )
        new = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            """INSERT INTO cdp_consent (member_id, channel, purpose, state, at)
               SELECT DISTINCT ON (member, channel, purpose) member, channel, purpose, state, at
               FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
                    AS s (member, channel, purpose, state, at)
               ORDER BY member, channel, purpose, at DESC, state DESC
               ON CONFLICT (member_id, channel, purpose) DO UPDATE SET state = excluded.state, at = excluded.at
               WHERE (excluded.at, excluded.state) > (cdp_consent.at, cdp_consent.state)""",
            list(columns[:5]),
        )
    return new


def join(keep: int, drop: int, *, merge: int, now: datetime) -> None:
    """The winner's words become the stricter of both. The other's stay as they are, for the day they part."""
    ours = {(c.channel, c.purpose): c for c in Consent.objects.filter(member=keep)}
    said = []
    for theirs in Consent.objects.filter(member=drop).order_by("channel", "purpose"):
        own = ours.get((theirs.channel, theirs.purpose))
        if own and own.state in (State.WITHDRAWN, theirs.state):
            continue
        at = theirs.at if own is None or theirs.at >= own.at else max(own.at, now)
        said.append(Said(keep, theirs.channel, theirs.purpose, theirs.state, at, evidence(merge)))
    set_state(said, now=now)


def part(keep: int, drop: int, *, merge: int, since: datetime, now: datetime) -> None:
    """Both have their own latest words again; a withdrawal since `since`, when they became one, is the other's too."""
    withdrawn = [
        Said(drop, channel, purpose, State.WITHDRAWN, at, f"un{evidence(merge)}")
        for channel, purpose, state, at, recorded_at in _own(keep)
        if state == State.WITHDRAWN and recorded_at >= since
    ]
    set_state(withdrawn, now=now)
    with connection.cursor() as cursor:
        cursor.execute(_RECOMPUTE, {"member": keep})
    for other in Merge.objects.filter(keep=keep, undone_at=None).order_by("pk"):
        join(keep, other.drop_id, merge=other.pk, now=now)


def evidence(merge: int) -> str:
    return f"merge:{merge}"


_OWN = """
    SELECT DISTINCT ON (channel, purpose) channel, purpose, state, at, recorded_at FROM cdp_consentrecord
    WHERE member_id = %(member)s AND evidence NOT IN (SELECT 'merge:' || id FROM cdp_merge WHERE keep_id = %(member)s)
    ORDER BY channel, purpose, at DESC, state DESC
"""
_RECOMPUTE = f"""
    WITH own AS ({_OWN}),
    unsaid AS (DELETE FROM cdp_consent c WHERE c.member_id = %(member)s AND NOT EXISTS (
                   SELECT FROM own WHERE (own.channel, own.purpose) = (c.channel, c.purpose)))
    UPDATE cdp_consent c SET state = own.state, at = own.at FROM own
    WHERE c.member_id = %(member)s AND (own.channel, own.purpose) = (c.channel, c.purpose)
"""


def _own(member: int) -> list[tuple[str, str, str, datetime, datetime]]:
    """(channel, purpose, state, at, recorded_at): the latest of each, but for what merges said."""
    with connection.cursor() as cursor:
        cursor.execute(_OWN, {"member": member})
        return cursor.fetchall()
