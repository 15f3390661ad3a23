"""Who is in a journey, page by page, as far as the asking key may see them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from automation.models import Enrolment, Journey
from cdp import visible
from config.ground import openapi
from config.ground.paging import page
from config.ground.problems import Refused
from config.ground.web import Door, key_of

EXAMPLE = {
    "id": 7,
    "member": 17,
    "version": 1,
    "state": "open",
    "step": "hello",
    "enrolled_at": "2026-02-28T02:00:00Z",
    "due_at": "2026-03-03T02:00:00Z",
    "closes_at": "2026-03-14T02:00:00Z",
    "closed_at": None,
    "reason": "",
}


class EnrolmentItem(Struct):
    id: int
    member: int
    version: int
    state: str
    step: str
    enrolled_at: datetime
    due_at: datetime | None
    closes_at: datetime
    closed_at: datetime | None
    reason: str


class EnrolmentPage(Struct):
    """`next` is the cursor of the next page; null on the last."""

    items: list[EnrolmentItem]
    next: str | None


class JourneyEnrolments(Door):
    scope = "journeys"

    @openapi.call(
        "Who is in a journey",
        name="journey_enrolments",
        answers={200: EnrolmentPage},
        parameters=openapi.PAGE,
        answer={"items": [EXAMPLE], "next": None},
    )
    def get(self, request: Request, key: str) -> Response:
        """The oldest first. Of members that the key's source has told of, or of everybody with `members:all`."""
        journey = Journey.objects.filter(key=key).first()
        if journey is None:
            raise Refused(404, "no_such_journey", _("there is no such journey"))
        seen_by = visible.members(key_of(request))
        of_them = Q(member__in=seen_by) | Q(member__merged_into__in=seen_by)
        seen = Enrolment.objects.filter(of_them, journey=journey)
        rows, cursor = page(request, seen.select_related("version"), by="enrolled_at")
        return Response(EnrolmentPage([_item(row) for row in rows], cursor))


def _item(row: Enrolment) -> EnrolmentItem:
    return EnrolmentItem(
        id=row.pk,
        member=row.member_id,
        version=row.version.number,
        state=row.state,
        step=row.step,
        enrolled_at=row.enrolled_at,
        due_at=row.due_at,
        closes_at=row.closes_at,
        closed_at=row.closed_at,
        reason=row.reason,
    )
