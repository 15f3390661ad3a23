"""The very address that was tried, which is stored by its blind index only."""

from __future__ import annotations

from cdp.models import Identity
from config.ground import crypto
from connectors.models import Attempt, Message
from connectors.provider import PROVIDERS


def clear(kind: str, blind: bytes) -> str | None:
    """For what goes on the wire; None when it was erased. Also when the member has another one by now."""
    sealed = Identity.objects.filter(kind=kind, app="", blind=blind).values_list("sealed", flat=True).first()
    return crypto.unseal(bytes(sealed)) if sealed else None


def masked(message: Message) -> str:
    """+8613900000001 -> +86139****0001, for who may look; empty when nothing was tried."""
    last = Attempt.objects.filter(message=message).select_related("submission__account").order_by("-n").first()
    if last is None:
        return ""
    kind = PROVIDERS.get(last.submission.account.provider).caps.id_kind
    address = clear(kind, bytes(last.address)) or ""
    return f"{address[:-8]}****{address[-4:]}" if len(address) > 8 else "****"
