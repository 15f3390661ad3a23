"""What exactly caused an effect, and on whose account: the key under which the effect happens once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Cause:
    origin: str  # on whose account: "journey:win-back@3", "api:partner-7", "admin:li"
    key: str  # what exactly: "17/hello/1" (enrolment/step/visit), or the Idempotency-Key

    @property
    def id(self) -> UUID:
        return UUID(bytes=hashlib.sha256(f"{self.origin}|{self.key}".encode()).digest()[:16])


def cause_id_sql(text: str) -> str:
    """The same id in SQL; `text` is an SQL expression for origin || '|' || key."""
    return f"left(encode(sha256(convert_to({text}, 'UTF8')), 'hex'), 32)::uuid"
