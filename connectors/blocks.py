"""Addresses that may not be written to any more, and consents that fall with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from cdp import consents
from cdp.ingest import accept
from config.ground.cause import Cause
from connectors.models import Message


def block(channel: str, addresses: Sequence[tuple[bytes, str]], *, reason: str, now: datetime) -> None:
    """Addresses as `identity.standing` gives them: a blind and the version of its key."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_blockedaddress (channel, blind, blind_key, reason, since)
               SELECT %s, blind, blind_key, %s, %s FROM unnest(%s::bytea[], %s::text[]) AS a (blind, blind_key)
               ORDER BY blind ON CONFLICT DO NOTHING""",
            [channel, reason, now, [blind for blind, _key in addresses], [key for _blind, key in addresses]],
        )


def block_attempted(submission: UUID, messages: Sequence[UUID], *, reason: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_blockedaddress (channel, blind, blind_key, reason, since)
               SELECT m.channel, a.address, a.blind_key, %s, %s
               FROM connectors_attempt a JOIN connectors_message m ON m.id = a.message_id
               WHERE a.submission_id = %s AND a.message_id = ANY(%s) ORDER BY a.address ON CONFLICT DO NOTHING""",
            [reason, now, submission, list(messages)],
        )


def withdraw(messages: Iterable[UUID], *, evidence: str, now: datetime) -> None:
    """All marketing on the channel by which these were sent."""
    rows = Message.objects.filter(pk__in=list(messages)).order_by("member_id").values_list("member", "channel")
    opt_out([(member, channel, evidence) for member, channel in rows], source="provider", now=now)


def opt_out(said: Sequence[tuple[int, str, str]], *, source: str, now: datetime) -> None:
    """(member, channel, evidence): withdrawn, as `source` told us, and told once per evidence."""
    consents.set_state(
        [consents.Said(m, channel, "marketing", "withdrawn", now, e, source) for m, channel, e in said], now=now
    )
    accept.record(
        [
            accept.Own(
                "consent.withdrawn",
                m,
                Cause("connectors", f"{e}/{m}"),
                now,
                {"channel": channel, "purpose": "marketing"},
            )
            for m, channel, e in said
        ],
        now=now,
    )
