"""What one person alone may not do: a second one looks at it and says yes or no. The word is bound to a digest of what was asked.

Who is told of the word registers under the first part of the subject (`job` of `job:7`), and acts in its transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config.ground import audit
from config.ground.models import Approval
from config.ground.registry import Registry

TOLD: Registry[Callable[..., None]] = Registry("subject of an approval")  # (approval, *, now)


class NotDecided(Exception):
    """The word cannot be given; the message says why."""


def ask(subject: str, digest: bytes, *, actor: str, now: datetime, **detail: Any) -> Approval:
    TOLD.get(subject.partition(":")[0])
    asked, _made = Approval.objects.get_or_create(
        subject=subject, digest=digest, defaults={"detail": detail, "asked_by": actor, "asked_at": now}
    )
    return asked


@transaction.atomic
def decide(approval: int, *, approve: bool, actor: str, now: datetime) -> Approval:
    """Raises NotDecided: it is one's own, or decided."""
    found = Approval.objects.select_for_update().get(pk=approval)
    if found.asked_by == actor:
        raise NotDecided(_("somebody else than who asked decides this"))
    if found.state != Approval.State.OPEN:
        raise NotDecided(_("this was decided by %(who)s") % {"who": found.decided_by})
    found.state = Approval.State.APPROVED if approve else Approval.State.REFUSED
    found.decided_by, found.decided_at = actor, now
    found.save(update_fields=["state", "decided_by", "decided_at"])
    audit.note(actor, f"approval.{found.state}", found.subject, now=now, asked_by=found.asked_by, **found.detail)
    TOLD.get(found.subject.partition(":")[0])(found, now=now)
    return found
