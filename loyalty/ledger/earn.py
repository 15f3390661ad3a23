"""Points come into being: an order earned them, or somebody gave them. Each new entry is spoken of: `points.earned`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from cdp.ingest import accept
from config.ground.cause import Cause
from loyalty.ledger.post import NOWHERE, Origin, Posted, Posting, post_many
from loyalty.models import Book, Entry, Programme


@dataclass(frozen=True)
class Terms:
    """Why points are given, by what, when it happened, and until when they can be used (None: for ever)."""

    reason: str
    occurred_at: datetime
    kind: str = Entry.Kind.EARN
    source: Origin = NOWHERE
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Earning:
    member: int
    points: Decimal
    cause: Cause
    terms: Terms


def earn(programme: Programme, member: int, points: Decimal, *, cause: Cause, terms: Terms, now: datetime) -> Posted:
    return earn_many(programme, [Earning(member, points, cause, terms)], now=now)[0]


@transaction.atomic
def earn_many(programme: Programme, earnings: Sequence[Earning], *, now: datetime) -> list[Posted]:
    """One answer per earning, in order; the same cause again answers the same."""
    posted = post_many(programme, [_posting(e) for e in earnings], now=now)
    accept.record(
        [_earned(programme, e, p, now) for e, p in zip(earnings, posted, strict=True) if p.new],
        now=now,
    )
    return posted


def _posting(e: Earning) -> Posting:
    t = e.terms
    return Posting(
        member=e.member,
        kind=t.kind,
        points=e.points,
        from_book=Book.ISSUED,
        to_book=Book.AVAIL,
        cause=e.cause,
        reason=t.reason,
        occurred_at=t.occurred_at,
        source=t.source,
        expires_at=t.expires_at,
    )


def _earned(programme: Programme, e: Earning, posted: Posted, now: datetime) -> accept.Own:
    return accept.Own(
        "points.earned",
        e.member,
        Cause(f"points:{programme.key}", f"entry/{posted.entry}"),
        now,
        {
            "programme": programme.key,
            "kind": str(e.terms.kind),
            "points": str(e.points),
            "balance": str(posted.balance),
            "origin": e.cause.origin,
        },
    )
