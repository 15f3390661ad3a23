"""An identity as people may see it: enough to recognise, not enough to use."""

from __future__ import annotations

from cdp.models import Identity
from config.ground import crypto

HIDDEN = "****"


PSEUDONYMS = ("crm_id",)  # a number that says nothing outside; of a short one too, two must be told apart


def mask(value: str, kind: str = "") -> str:
    """+8613800138000 -> +86138****8000; li.lei@example.com -> l****@example.com; short values show nothing, but of a pseudonym
    of at least four characters the last two.
    """
    if kind in PSEUDONYMS and 4 <= len(value) < 8:
        return HIDDEN + value[-2:]
    name, at, host = value.partition("@")
    if at:
        return f"{name[:1]}{HIDDEN}@{host}"
    if len(value) < 8:
        return HIDDEN
    if len(value) < 12:
        return f"{value[:2]}{HIDDEN}{value[-2:]}"
    start = len(value) - 8 if value[0] == "+" else 4
    return f"{value[:start]}{HIDDEN}{value[-4:]}"


def masked(identity: Identity) -> str:
    return mask(crypto.unseal(bytes(identity.sealed)), identity.kind)
