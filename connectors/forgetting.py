"""What an erasure leaves of messages: that they went, when and at what cost, without what was in them and where they went.

An address stands here by its blind index only, but whoever holds the key finds its owner by it: it gives way to noise, and so
does the mark by which a report is known when it is repeated, which was made of it. A message in somebody's hands finishes as it
is; what it needs for that goes at the next look, when it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

# Noise is told from an address by its beginning.
_MARK = r"'\x00000000000000000000000000000000'::bytea"
_NOISE = f"{_MARK} || uuid_send(gen_random_uuid())"
NOISY = f"substr({{row}}.address, 1, 16) = {_MARK}"
# SQL: a receipt `r` without its address. A reply's mark is made of a number that stands nowhere else, and stays.
NAMELESS = (
    f"address = {_NOISE}, dedupe = CASE WHEN r.kind = 'reply' THEN r.dedupe ELSE 'erased ' || gen_random_uuid() END"
)
# SQL: whether a receipt `r` is about a submission `s`: by our key, else by the provider's id; never against what that one said.
_BY_KEY = "r.submission = s.id"
_BY_ID = "r.submission IS NULL AND r.provider_id = s.provider_id AND s.provider_id <> ''"
_FITS = "s.account_id = r.account_id AND (s.provider_id = '' OR r.provider_id = '' OR s.provider_id = r.provider_id)"
ABOUT = f"{_FITS} AND ({_BY_KEY} OR {_BY_ID})"
_OVER = "state NOT IN ('inflight', 'unknown')"

# Whoever holds a message may be waiting for what the erasure holds: a claim for the identities, who settles it for the member.
# What is busy is left to him, who finds nobody any more, and to the next look.
_SUPPRESS = """
    UPDATE connectors_message
    SET state = 'suppressed', reason = 'erased', data = '{}', retry_at = NULL, ask_at = NULL, lease_until = NULL
    WHERE state = 'ready' AND id IN (SELECT id FROM connectors_message WHERE member_id = ANY(%s) AND state = 'ready'
                                     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
"""
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
# Of calls to the member, whoever else was called by them: receipts that fit no message and name nobody else of the call.
_LEFT_OVER = f"""
    SELECT r.id FROM connectors_message m JOIN connectors_attempt a ON a.message_id = m.id AND {NOISY.format(row="a")}
    JOIN connectors_submission s ON s.id = a.submission_id
    JOIN connectors_receipt r ON r.message_id IS NULL AND r.kind <> 'reply' AND {_FITS} AND {{by}}
    WHERE m.member_id = ANY(%(members)s)
      AND NOT EXISTS (SELECT FROM connectors_attempt o WHERE o.submission_id = s.id AND o.address = r.address)
"""
_RECEIPTS = f"""
    UPDATE connectors_receipt r SET {NAMELESS}
    WHERE id IN (
        SELECT r.id FROM connectors_receipt r
        WHERE NOT {NOISY.format(row="r")} AND r.id IN (
            SELECT id FROM connectors_receipt WHERE member_id = ANY(%(members)s)
            UNION ALL
            SELECT r.id FROM connectors_message m JOIN connectors_receipt r ON r.message_id = m.id
            WHERE m.member_id = ANY(%(members)s)
            UNION ALL {_LEFT_OVER.format(by=_BY_KEY)}
            UNION ALL {_LEFT_OVER.format(by=_BY_ID)})
        ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
"""
# What is heard of a call to who has been erased: about them, if the call was to nobody else whose address is gone.
_GONE = f"""
    SELECT r.id, m.id AS message, m.member_id AS member
    FROM connectors_receipt r JOIN connectors_submission s ON {_FITS} AND {{by}}
    JOIN connectors_attempt a ON a.submission_id = s.id AND {NOISY.format(row="a")}
    JOIN connectors_message m ON m.id = a.message_id
    WHERE r.id = ANY(%(receipts)s) AND r.kind <> 'reply' AND r.message_id IS NULL AND NOT {NOISY.format(row="r")}
"""
_HEARD_LATE = f"""
    WITH about AS (
        SELECT id, count(*) AS of, (array_agg(message))[1] AS message, min(member) AS member
        FROM ({_GONE.format(by=_BY_KEY)} UNION ALL {_GONE.format(by=_BY_ID)}) gone GROUP BY id)
    UPDATE connectors_receipt r
    SET {NAMELESS}, message_id = CASE WHEN of = 1 THEN message END, member_id = CASE WHEN of = 1 THEN member END
    FROM about WHERE r.id = about.id RETURNING r.id
"""
_REPEATED = f"""
    DELETE FROM connectors_receipt r WHERE r.id = ANY(%(receipts)s) AND EXISTS (
        SELECT FROM connectors_receipt was
        WHERE (was.message_id = r.message_id OR was.message_id IS NULL AND r.message_id IS NULL)
          AND (was.account_id, was.provider_id, was.kind, was.code) = (r.account_id, r.provider_id, r.kind, r.code)
          AND was.submission IS NOT DISTINCT FROM r.submission AND was.id < r.id AND {NOISY.format(row="was")})
    RETURNING r.id
"""


def messages(members: Sequence[int], *, now: datetime) -> int:
    """What could still go does not. A claim that found the address finishes first, since it holds the identity."""
    return _count(_SUPPRESS, list(members)) + _count(_EMPTY, list(members))


def attempts(members: Sequence[int], *, now: datetime) -> int:
    return _count(_ATTEMPTS, list(members))


def receipts(members: Sequence[int], *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS, {"members": list(members)})
        return int(cursor.rowcount)


def heard_late(receipts: Sequence[int]) -> set[int]:
    """Of receipts that fit no address: what is about somebody who was erased loses it here and now. Returns those that were
    heard before; they are gone again. Two who were erased and called at once cannot be told apart: nothing comes of those.
    """
    late = _ids(_HEARD_LATE, receipts)
    return _ids(_REPEATED, sorted(late)) if late else set()


def _ids(sql: str, receipts: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"receipts": list(receipts)})
        return {row[0] for row in cursor.fetchall()}


def _count(sql: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)
