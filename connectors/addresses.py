"""The very address that was tried, which is stored by its blind index only."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from cdp import masks
from config.ground import crypto
from connectors.models import Message
from connectors.provider import PROVIDERS


def tried(message: UUID, kind: str, *, n: int) -> str | None:
    """For what goes on the wire; None when it was erased. Also when the member has another one by now. In one statement: the
    blinds of an address and of what was sent there change together.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT i.sealed FROM connectors_attempt a
               JOIN cdp_identity i ON i.kind = %s AND i.app = '' AND i.blind = a.address
               WHERE a.message_id = %s AND a.n = %s""",
            [kind, message, n],
        )
        row = cursor.fetchone()
    return crypto.unseal(row[0]) if row else None


def masked(message: Message) -> str:
    """+8613900000001 -> +86139****0001, for who may look; empty when nothing was tried."""
    last = message.attempts.select_related("submission__account").order_by("-n").first()
    if last is None:
        return ""
    kind = PROVIDERS.get(last.submission.account.provider).caps.id_kind
    return masks.mask(tried(message.pk, kind, n=last.n) or "")
