"""Our own events: what became of a message is told once, to whoever listens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from cdp.ingest import accept
from config.ground.cause import Cause
from connectors.models import Message


def tell(type: str, messages: Iterable[UUID], *, now: datetime) -> None:
    """`message.sent`, `message.failed`, ... once per message and type."""
    rows = Message.objects.filter(pk__in=list(messages)).order_by("pk")
    accept.record(
        [
            accept.Own(
                type,
                member,
                Cause("connectors", f"{id}/{type}"),
                now,
                {"message": str(id), "origin": origin, "channel": channel, "template": template, "reason": reason},
            )
            for id, member, origin, channel, template, reason in rows.values_list(
                "pk", "member", "origin", "channel", "template__key", "reason"
            )
        ],
        now=now,
    )
