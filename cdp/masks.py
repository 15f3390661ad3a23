"""An identity as people may see it: enough to recognise, not enough to use."""

from __future__ import annotations

from cdp.models import Identity
from config.ground import crypto

HIDDEN = "****"


def mask(value: str) -> str:
    """+8613900000001 -> +8613****0001; li.lei@example.com -> l****@example.com; short values show nothing."""
    name, at, host = value.partition("@")
    if at:
        return f"{name[:1]}{HIDDEN}@{host}"
    if len(value) < 8:
        return HIDDEN
    shown = 4 if len(value) > 11 else 2
    return f"{value[: shown + (value[0] == '+')]}{HIDDEN}{value[-shown:]}"


def masked(identity: Identity) -> str:
    return mask(crypto.unseal(bytes(identity.sealed)))
