"""All that happened to a member in one list, newest first. Each room says what it knows; this one knows no higher room.

A page asks each strand for no more rows than it shows, by the member's own index. The order is (instant, kind, id): a page begins
exactly where the one before ended, however many things happened at one instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

from cdp.ingest.accept import OWN
from cdp.models import ConsentRecord, Event, Order, Placement, Refund
from config.ground.registry import Registry


@dataclass(frozen=True)
class Strand:
    """One kind of what happens. `source` is the look-up of who told us; what nobody outside told is for `members:all` only."""

    kind: str
    rows: Callable[[int], QuerySet[Any]]
    at: str
    body: Callable[[Any], dict[str, Any]]
    source: str = ""
    id: str = "pk"


@dataclass(frozen=True)
class Happened:
    kind: str
    at: datetime
    id: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Position:
    """Where a page ended."""

    at: datetime
    kind: str
    id: Any


STRANDS: Registry[Strand] = Registry("timeline strand")


def declare(kind: str, model: type[Model], at: str, body: Callable[[Any], dict[str, Any]], **more: Any) -> None:
    """`member`, in `more`, is the look-up from a row to its member; `joined` what the body reads beside the row."""
    member, joined = more.pop("member", "member"), more.pop("joined", ())

    def rows(pk: int) -> QuerySet[Any]:
        return model._default_manager.filter(**{member: pk}).select_related(*joined)

    STRANDS.add(kind, Strand(kind, more.pop("rows", rows), at, body, **more))


def page(
    member: int, *, source: str | None, before: Position | None, limit: int
) -> tuple[list[Happened], Position | None]:
    """What happened before a position, newest first, and where the page ends (None: there is no more).

    `source`: only what that source told us; None: everything.
    """
    found = [
        (getattr(row, strand.at), strand, row)
        for _kind, strand in sorted(STRANDS.items())
        if source is None or strand.source
        for row in _next(strand, member, source, before, limit + 1)
    ]
    found.sort(
        key=lambda each: each[0], reverse=True
    )  # stable: at one instant by kind, within a kind the latest id first
    happened = [
        Happened(strand.kind, at, str(getattr(row, strand.id)), strand.body(row)) for at, strand, row in found[:limit]
    ]
    return happened, Position(*_place(happened[-1])) if len(found) > limit else None


def _place(last: Happened) -> tuple[datetime, str, str]:
    return last.at, last.kind, last.id


def _next(strand: Strand, member: int, source: str | None, before: Position | None, limit: int) -> QuerySet[Any]:
    rows = strand.rows(member)
    if source is not None:
        rows = rows.filter(**{strand.source: source})
    if before is not None:
        earlier = Q(**{f"{strand.at}__lt": before.at})
        if strand.kind > before.kind:
            earlier = Q(**{f"{strand.at}__lte": before.at})
        elif strand.kind == before.kind:
            earlier |= Q(**{strand.at: before.at, f"{strand.id}__lt": before.id})
        rows = rows.filter(earlier)
    return rows.order_by(f"-{strand.at}", f"-{strand.id}")[:limit]


def _partners_events(member: int) -> QuerySet[Event]:
    """Not our own: what they tell of (messages, points, placements) is in strands of its own."""
    return Event.objects.filter(member=member).exclude(source__code=OWN)


declare(
    "order",
    Order,
    "placed_at",
    lambda order: {
        "id": order.external_id,
        "amount": order.amount,
        "refunded": order.refunded,
        "currency": order.currency,
        "channel": order.channel,
        "store": order.store,
    },
    source="source__code",
)
declare(
    "refund",
    Refund,
    "refunded_at",
    lambda refund: {
        "id": refund.external_id,
        "order_id": refund.order.external_id,
        "amount": refund.amount,
        "currency": refund.order.currency,
    },
    member="order__member",
    joined=("order",),
    source="source__code",
)
declare(
    "event",
    Event,
    "occurred_at",
    lambda event: {"id": event.external_id, "type": event.type, "properties": event.properties},
    rows=_partners_events,
    source="source__code",
    id="id",
)
declare("placement", Placement, "since", lambda placement: {"axis": placement.axis, "value": placement.value})
declare(
    "consent",
    ConsentRecord,
    "at",
    lambda word: {
        "channel": word.channel,
        "purpose": word.purpose,
        "state": word.state,
        "evidence": word.evidence,
    },
)
