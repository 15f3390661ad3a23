"""Who is held out: decided by a stable hash, so that a member's arm never changes and anybody can recompute it."""

from __future__ import annotations

import hashlib


def unit(salt: str, member: int) -> float:
    """A number in [0, 1) that belongs to (salt, member) for ever. SQL's automation_unit() says the same."""
    return int(hashlib.sha256(f"{salt}:{member}".encode()).hexdigest()[:8], 16) / 2**32


def salt(journey: str) -> str:
    return f"journey:{journey}"
