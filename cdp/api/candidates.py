"""Pairs of members that may be one person, page by page, for whoever reviews them elsewhere. The two may be of any source, so it
needs the grant `members:all` beside the scope `admin`.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct, convert
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import visible
from cdp.models import MergeCandidate
from config.ground import openapi
from config.ground.paging import page
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

STATES = MergeCandidate.State.values
STATE = OpenApiParameter("state", str, enum=STATES, description="Only pairs in this state.")


EXAMPLE = {
    "id": 5,
    "members": [17, 18],
    "state": "open",
    "score": 60,
    "source": "shop",
    "evidence": {
        "met": [
            {"identity": 31, "kind": "crm_id", "app": "", "value": "****", "names": 17},
            {"identity": 32, "kind": "phone", "app": "", "value": "+86139****0001", "names": 18},
        ],
        "agree": ["city"],
        "differ": [],
        "against": [],
    },
    "made_at": "2026-03-01T04:00:00Z",
    "decided_at": None,
    "decided_by": "",
}


class MetIdentity(Struct):
    """An identity that brought the two together; `names` is the member that it named then."""

    identity: int
    kind: str
    app: str
    value: str
    names: int


class CandidateEvidence(Struct):
    """`agree` and `differ`: attributes that both have. `against`: kinds of which each has another value from one source."""

    met: list[MetIdentity]
    agree: list[str]
    differ: list[str]
    against: list[str]


class CandidateItem(Struct):
    """`members`: the older first. `score` 0 to 100. `source` is the one whose row brought them together first."""

    id: int
    members: tuple[int, int]
    state: str
    score: int
    source: str | None
    evidence: CandidateEvidence
    made_at: datetime
    decided_at: datetime | None
    decided_by: str


class CandidatePage(Struct):
    """`next` is the cursor of the next page; null on the last."""

    items: list[CandidateItem]
    next: str | None


class MemberCandidates(Door):
    scope = "admin"

    @openapi.call(
        "Members that may be one person",
        name="member_candidates",
        answers={200: CandidatePage},
        parameters=(STATE, *openapi.PAGE),
        answer={"items": [EXAMPLE], "next": None},
    )
    def get(self, request: Request) -> Response:
        """The first proposed first. `open` ones wait for a person, `due` ones are joined within the minute."""
        visible.need_everybody(key_of(request))
        rows = MergeCandidate.objects.select_related("source")
        if (state := request.query_params.get("state")) is not None:
            if state not in STATES:
                fault = Fault("state", "unknown_value", _("known are: %(known)s") % {"known": ", ".join(STATES)})
                raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
            rows = rows.filter(state=state)
        found, cursor = page(request, rows, by="made_at")
        return Response(CandidatePage([_item(row) for row in found], cursor))


def _item(row: MergeCandidate) -> CandidateItem:
    return CandidateItem(
        id=row.pk,
        members=(row.low_id, row.high_id),
        state=row.state,
        score=row.score,
        source=row.source.code if row.source else None,
        evidence=convert(row.evidence, CandidateEvidence),
        made_at=row.made_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )
