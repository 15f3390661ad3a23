"""What is given to members, and why: journey steps, games and people all end here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from config.ground.cause import Cause
from loyalty.ledger.earn import Earning, Terms, earn_many
from loyalty.models import Entry, Programme


@dataclass(frozen=True)
class Gift:
    member: int
    points: Decimal
    cause: Cause
    reason: str


def give(gifts: Sequence[Gift], *, now: datetime) -> int:
    """Grant each gift once per cause, in the main programme. Returns how many are new."""
    earnings = [
        Earning(gift.member, gift.points, gift.cause, Terms(gift.reason, now, kind=Entry.Kind.GRANT)) for gift in gifts
    ]
    return sum(posted.new for posted in earn_many(Programme.objects.the(), earnings, now=now))
