"""All that happened to a member, as far as the asking key may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import timeline, visible
from config.ground import openapi, paging
from config.ground.web import Door, key_of

EXAMPLE = {
    "items": [
        {
            "kind": "order",
            "at": "2026-02-20T02:00:00Z",
            "id": "812",
            "body": {
                "id": "A1001",
                "amount": 9800,
                "refunded": 4900,
                "currency": "CNY",
                "channel": "app",
                "store": "",
            },
        }
    ],
    "next": None,
}


class TimelineItem(Struct):
    """`id` is ours, of the kind; `body` says what the kind has to say."""

    kind: str
    at: datetime
    id: str
    body: dict[str, Any]


class TimelinePage(Struct):
    """`next` is the cursor of the page of what was before; null on the last."""

    items: list[TimelineItem]
    next: str | None


class MemberTimeline(Door):
    scope = "members"

    @openapi.call(
        "All that happened to a member",
        name="member_timeline",
        answers={200: TimelinePage},
        parameters=openapi.PAGE,
        answer=EXAMPLE,
    )
    def get(self, request: Request, member: str) -> Response:
        """The newest first: orders, refunds, events, messages, points, placements, enrolments, consents. A key without
        `members:all` is shown what its own source told of."""
        key, limit = key_of(request), paging.limit_of(request)
        before = _position(request)
        seen = visible.member(member, key)
        source = None if "members:all" in key.scopes else key.source
        happened, end = timeline.page(seen.pk, source=source, before=before, limit=limit)
        following = paging.cursor(request, [end.at.isoformat(), end.kind, end.id]) if end else None
        return Response(TimelinePage([TimelineItem(h.kind, h.at, h.id, h.body) for h in happened], following))


def _position(request: Request) -> timeline.Position | None:
    said = paging.position_of(request)
    try:
        return None if said is None else timeline.Position(datetime.fromisoformat(said[0]), said[1], said[2])
    except (ValueError, TypeError, IndexError, ValidationError):
        raise paging.wrong_cursor() from None
