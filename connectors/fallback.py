"""What may not go by this channel goes by the next one of the wish; only after the last it has an end, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

# The address is at fault, not the message: another channel has another one.
OTHER_CHANNEL = ["no_consent", "no_address", "invalid_address", "blocked_address", "no_grant", "opted_out"]


def refuse(reasons: Mapping[Any, str], *, state: str) -> list[UUID]:
    """Messages (locked by the caller) with the reason why each does not go. Returns those that ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH refused AS (
                   SELECT m.id, r.reason, t.channel, t.id AS template
                   FROM unnest(%s::uuid[], %s::text[]) AS r (id, reason)
                   JOIN connectors_message m ON m.id = r.id
                   JOIN connectors_template current ON current.id = m.template_id
                   LEFT JOIN connectors_template t
                        ON t.key = current.key AND t.live_id IS NOT NULL AND r.reason = ANY(%s)
                       AND t.channel = m.channels[array_position(m.channels, m.channel) + 1])
               UPDATE connectors_message m
               SET state = CASE WHEN r.channel IS NULL THEN %s ELSE 'ready' END,
                   reason = CASE WHEN r.channel IS NULL THEN r.reason ELSE '' END,
                   channel = coalesce(r.channel, m.channel), template_id = coalesce(r.template, m.template_id),
                   together = NULL, retry_at = NULL, lease_until = NULL, ask_at = NULL
               FROM refused r WHERE m.id = r.id
               RETURNING m.id, m.state""",
            [list(reasons), list(reasons.values()), OTHER_CHANNEL, state],
        )
        return [id for id, now_state in cursor.fetchall() if now_state == state]
