"""Every privileged change leaves a row, in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from config.ground.models import AuditRow


def note(actor: str, action: str, subject: str, *, now: datetime, **detail: Any) -> None:
    AuditRow.objects.create(at=now, actor=actor, action=action, subject=subject, detail=detail)
