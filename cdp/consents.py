"""What a member said about being contacted: appended, never edited; the latest word is in force, and a withdrawal wins a tie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction


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
