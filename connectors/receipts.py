"""What a provider says later: any order, any number of times, before the answer too, gives the same final state."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cdp import identity
from cdp.identity import Key
from config.ground import blinds
from connectors import announce, blocks, crash, forgetting, terms
from connectors.models import ProviderAccount
from connectors.provider import PROVIDERS, Heard

OPT_OUT = {"R", "T", "TD", "N", "QX", "0000", "退订", "拒收", "取消订阅", "STOP", "UNSUBSCRIBE"}
# A delivered one stays delivered whatever is said after it, and in whatever order it is said.
RANK = ["none", "undelivered", "delivered", "clicked", "replied"]


@dataclass(frozen=True)
class Matched:
    id: int
    kind: str
    message: UUID | None
    member: int | None
    opts_out: bool


def opts_out(text: str) -> bool:
    """The exact words only: who writes "please do not stop" does not opt out."""
    return unicodedata.normalize("NFKC", text).strip().upper() in OPT_OUT


@transaction.atomic
def record(account: ProviderAccount, heard: Sequence[Heard], *, now: datetime) -> int:
    """Returns how many were not known yet. A sandbox lives in real time and the brand may not: its instants count as `now`."""
    kind = PROVIDERS.get(account.provider).caps.id_kind
    keys = [Key(kind, "", one.address) for one in heard]
    addresses = identity.standing(keys)
    known = _stored_under_older_keys(account, heard, keys)
    fresh = _store(account, heard, addresses, known, now=now)
    fresh = _match_reports(fresh)
    _match_replies(account, kind, fresh)
    take_effect(account, fresh, now=now)
    new = [(one, address) for one, address in zip(heard, addresses, strict=True) if one.dead or one.refused]
    blocks.block(account.channel, [a for one, a in new if one.dead], reason="dead_address", now=now)
    blocks.block(account.channel, [a for one, a in new if one.refused], reason="opted_out", now=now)
    crash.point("receipt.before_commit")
    return len(fresh)


def match_late(account: ProviderAccount, provider_ids: Sequence[str], *, now: datetime) -> None:
    """Receipts without our key that came before the provider's id was known. One that is locked is being matched: whoever waited
    for it here, with messages locked, could be waited for in turn.
    """
    if not provider_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id FROM connectors_receipt WHERE account_id = %s AND message_id IS NULL AND kind <> 'reply'
                      AND provider_id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED""",
            [account.pk, list(provider_ids)],
        )
        waiting = [row[0] for row in cursor.fetchall()]
    if waiting:
        take_effect(account, _match_reports(waiting), now=now)


def sweep(account: ProviderAccount, *, now: datetime) -> None:
    """A receipt and the answer that it needs may have been stored in the same moment, neither seeing the other."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT r.provider_id FROM connectors_receipt r
               JOIN connectors_submission s ON s.account_id = r.account_id AND s.provider_id = r.provider_id
               WHERE r.account_id = %s AND r.message_id IS NULL AND r.kind <> 'reply' AND r.provider_id <> ''""",
            [account.pk],
        )
        match_late(account, [row[0] for row in cursor.fetchall()], now=now)


def _dedupe(one: Heard, blind: bytes) -> str:
    return sha256(f"{one.dedupe} {blind.hex()}".encode()).hexdigest()


def _stored_under_older_keys(account: ProviderAccount, heard: Sequence[Heard], keys: Sequence[Key]) -> set[int]:
    """Which of them, by their place, came before: when another blind key was written."""
    versions = blinds.versions()
    if not versions.older:
        return set()
    names = [{_dedupe(one, b) for b in key.blinds(versions)} for one, key in zip(heard, keys, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dedupe FROM connectors_receipt WHERE account_id = %s AND dedupe = ANY(%s)",
            [account.pk, sorted(set().union(*names))],
        )
        stored = {row[0] for row in cursor.fetchall()}
    return {n for n, mine in enumerate(names) if mine & stored}


def _store(
    account: ProviderAccount,
    heard: Sequence[Heard],
    addresses: Sequence[tuple[bytes, str]],
    known: set[int],
    *,
    now: datetime,
) -> list[int]:
    rows: dict[str, tuple[Any, ...]] = {}
    for n, (one, (blind, _key)) in enumerate(zip(heard, addresses, strict=True)):
        if n in known:
            continue
        dedupe = _dedupe(one, blind)
        leaves = one.refused or (one.kind == "reply" and opts_out(one.text))
        at = now if account.sandbox else one.at
        rows[dedupe] = (one.kind, _uuid(one.submission), one.provider_id, blind, one.code[:80], leaves, at)
    columns = [list(column) for column in zip(*((key, *rows[key]) for key in sorted(rows)), strict=True)]
    if not columns:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_receipt
                 (account_id, received_at, dedupe, kind, submission, provider_id, address, code, opts_out, at)
               SELECT %s, %s, r.* FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::text[], %s::bytea[], %s::text[],
                                              %s::bool[], %s::timestamptz[]) AS r
               ON CONFLICT DO NOTHING RETURNING id""",
            [account.pk, now, *columns],
        )
        return [row[0] for row in cursor.fetchall()]


def _uuid(text: str) -> UUID | None:
    return UUID(text) if re.fullmatch("[0-9a-f]{32}", text) else None


def _match_reports(receipts: Sequence[int]) -> list[int]:
    """By our key, else by the provider's id; always with the address, unless it was erased. Returns all but repeats."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE connectors_receipt r SET message_id = m.id, member_id = m.member_id
                FROM connectors_attempt a
                JOIN connectors_submission s ON s.id = a.submission_id
                JOIN connectors_message m ON m.id = a.message_id
                WHERE r.id = ANY(%s) AND r.kind <> 'reply' AND r.message_id IS NULL
                  AND a.address = r.address AND {forgetting.ABOUT}""",
            [list(receipts)],
        )
    repeated = forgetting.heard_late(receipts)
    return [receipt for receipt in receipts if receipt not in repeated]


def _match_replies(account: ProviderAccount, kind: str, receipts: Sequence[int]) -> None:
    """A reply names nobody but its number: it is about the last that was sent there."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_receipt r
               SET member_id = coalesce((SELECT i.member_id FROM cdp_identity i
                                         WHERE i.kind = %s AND i.app = '' AND i.blind = r.address), last.member_id),
                   message_id = last.id
               FROM connectors_receipt self
               LEFT JOIN LATERAL (SELECT m.id, m.member_id FROM connectors_attempt a
                                  JOIN connectors_message m ON m.id = a.message_id AND m.account_id = %s
                                  WHERE a.address = self.address ORDER BY a.id DESC LIMIT 1) last ON true
               WHERE r.id = self.id AND r.id = ANY(%s) AND r.kind = 'reply'""",
            [kind, account.pk, list(receipts)],
        )


def take_effect(account: ProviderAccount, receipts: Sequence[int], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, kind, message_id, member_id, opts_out FROM connectors_receipt
               WHERE id = ANY(%s) ORDER BY message_id, id""",
            [list(receipts)],
        )
        matched = [Matched(*row) for row in cursor.fetchall()]
    about = sorted({r.message for r in matched if r.message})
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM connectors_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [about])
    _prove_sent(account, about, now=now)
    _deliver(about)
    for kind, told in (("delivered", "delivered"), ("undelivered", "undelivered"), ("reply", "replied")):
        announce.tell(f"message.{told}", {r.message for r in matched if r.message and r.kind == kind}, now=now)
    leaving = sorted((r.member, account.channel, f"receipt {r.id}") for r in matched if r.opts_out and r.member)
    blocks.opt_out(leaving, source="reply", now=now)


def _prove_sent(account: ProviderAccount, messages: Sequence[UUID], *, now: datetime) -> None:
    """Who was delivered to, or was tried, was sent to: whatever we thought of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message m
               SET state = 'sent', reason = 'receipt', sent_at = coalesce(sent_at, %s), cost = round(m.units * %s::numeric),
                   provider_id = CASE WHEN m.provider_id = '' THEN
                       coalesce((SELECT max(r.provider_id) FROM connectors_receipt r WHERE r.message_id = m.id), '')
                       ELSE m.provider_id END,
                   lease_until = NULL, ask_at = NULL, retry_at = NULL
               WHERE m.id = ANY(%s) AND m.state NOT IN ('sent', 'failed')
                 AND EXISTS (SELECT FROM connectors_receipt r WHERE r.message_id = m.id AND r.kind <> 'reply')
               RETURNING m.id""",
            [now, terms.read(account.settings).price_fen, list(messages)],
        )
        proven = [row[0] for row in cursor.fetchall()]
    announce.tell("message.sent", proven, now=now)


def _deliver(messages: Sequence[UUID]) -> None:
    """From all receipts of a message at once, so that their order cannot matter."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message m SET delivery = known.delivery, delivered_at = known.delivered_at
               FROM (SELECT message_id,
                            (%(rank)s::text[])[max(array_position(%(rank)s::text[],
                                CASE kind WHEN 'reply' THEN 'replied' ELSE kind END))] AS delivery,
                            min(at) FILTER (WHERE kind = 'delivered') AS delivered_at
                     FROM connectors_receipt WHERE message_id = ANY(%(messages)s) GROUP BY message_id) known
               WHERE m.id = known.message_id
                 AND (m.delivery, m.delivered_at) IS DISTINCT FROM (known.delivery, known.delivered_at)""",
            {"rank": RANK, "messages": list(messages)},
        )
