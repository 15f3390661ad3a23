"""What an erasure leaves of messages: that they went, when and at what cost, without what was in them and where they went.

An address stands here by its blind index only, but whoever holds the key finds its owner by it: it gives way to noise. A message
in somebody's hands finishes as it is; what it needs for that goes at the next look, when it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

# Noise is told from an address by its beginning.
_MARK = r"'\x00000000000000000000000000000000'::bytea"
_NOISE = f"{_MARK} || uuid_send(gen_random_uuid())"
_OVER = "state NOT IN ('inflight', 'unknown')"

_SUPPRESS = """
    UPDATE connectors_message
    SET state = 'suppressed', reason = 'erased', data = '{}', retry_at = NULL, ask_at = NULL, lease_until = NULL
    WHERE state = 'ready' AND id IN (SELECT id FROM connectors_message WHERE member_id = ANY(%s) AND state = 'ready'
                                     ORDER BY id FOR NO KEY UPDATE)
"""
# Who settles a message may be waiting for its member, whom the erasure holds: what is busy is left to the next look.
_EMPTY = f"""
    UPDATE connectors_message SET data = '{{}}'
    WHERE id IN (SELECT id FROM connectors_message WHERE member_id = ANY(%s) AND {_OVER} AND data <> '{{}}'
                 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
"""
_ATTEMPTS = f"""
    UPDATE connectors_attempt SET address = {_NOISE}
    WHERE id IN (SELECT a.id FROM connectors_message m JOIN connectors_attempt a ON a.message_id = m.id
                 WHERE m.member_id = ANY(%s) AND m.{_OVER} AND substr(a.address, 1, 16) <> {_MARK}
                 ORDER BY a.id FOR NO KEY UPDATE OF a SKIP LOCKED)
"""
_RECEIPTS = f"""
    UPDATE connectors_receipt SET address = {_NOISE}
    WHERE id IN (SELECT r.id FROM connectors_receipt r LEFT JOIN connectors_message m ON m.id = r.message_id
                 WHERE (r.member_id = ANY(%s) OR m.member_id = ANY(%s)) AND substr(r.address, 1, 16) <> {_MARK}
                 ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
"""


def messages(members: Sequence[int], *, now: datetime) -> int:
    """What could still go does not; a claim that is under way is waited for, and what it took finishes."""
    return _count(_SUPPRESS, list(members)) + _count(_EMPTY, list(members))


def attempts(members: Sequence[int], *, now: datetime) -> int:
    return _count(_ATTEMPTS, list(members))


def receipts(members: Sequence[int], *, now: datetime) -> int:
    return _count(_RECEIPTS, list(members), list(members))


def _count(sql: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)
