"""Two members are one person, says an operator; or two after all. It joins what every source told of them, so it needs the grant
`members:all` beside the scope `admin`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import merging, visible
from cdp.errors import CannotMerge
from cdp.models import Merge
from config.ground import clock, openapi, strict
from config.ground.answers import once
from config.ground.problems import Refused
from config.ground.web import Door, key_of

Reason = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Named = Id | Annotated[str, Meta(min_length=1, max_length=300)]


class MergeAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """`keep` stays, `drop` goes into it: each a member id, or an identity as `kind:value`."""

    keep: Named
    drop: Named
    reason: Reason


class UnmergeAsked(Struct, frozen=True, forbid_unknown_fields=True):
    merge_id: Id
    reason: Annotated[str, Meta(max_length=200)] = ""


class MergeAnswer(Struct):
    """The two as they stood; `moved`: how many rows of each table went over to `keep`."""

    merge_id: int
    keep: int
    drop: int
    reason: str
    at: datetime
    moved: dict[str, int]
    undone_at: datetime | None


EXAMPLE = {
    "merge_id": 4711,
    "keep": 17,
    "drop": 18,
    "reason": "the same passport",
    "at": "2026-03-01T04:00:00Z",
    "moved": {"identity": 2, "order": 1},
    "undone_at": None,
}


class MembersMerge(Door):
    scope = "admin"

    @openapi.call(
        "Two members are one person",
        name="members_merge",
        body=MergeAsked,
        answers={200: MergeAnswer},
        refusals=(404, 409),
        parameters=(openapi.IDEMPOTENCY_KEY,),
        example={"keep": "crm_id:1001", "drop": "crm_id:1002", "reason": EXAMPLE["reason"]},
        answer=EXAMPLE,
    )
    @once(required=False)
    def post(self, request: Request) -> Response:
        """What belongs to `drop` is of `keep` from now on. 409: `same` when they are one already."""
        asked = strict.whole(request.data, MergeAsked)
        key = key_of(request)
        visible.need_everybody(key)
        keep, drop = (visible.member(str(name), key).pk for name in (asked.keep, asked.drop))
        try:
            made = merging.merge(keep, drop, reason=asked.reason, actor=_actor(request), now=clock.now())
        except CannotMerge as error:
            raise _refused(error, "no_such_member") from None
        return Response(answer(made))


class MembersUnmerge(Door):
    scope = "admin"

    @openapi.call(
        "Two members after all",
        name="members_unmerge",
        body=UnmergeAsked,
        answers={200: MergeAnswer},
        refusals=(404, 409),
        parameters=(openapi.IDEMPOTENCY_KEY,),
        example={"merge_id": 4711, "reason": "two after all"},
        answer=EXAMPLE | {"undone_at": "2026-03-01T04:00:00Z"},
    )
    @once(required=False)
    def post(self, request: Request) -> Response:
        """Each has again what is theirs. 409: `undone` before, or `not_last`, with the merge to undo first."""
        asked = strict.whole(request.data, UnmergeAsked)
        visible.need_everybody(key_of(request))
        try:
            undone = merging.unmerge(asked.merge_id, reason=asked.reason, actor=_actor(request), now=clock.now())
        except CannotMerge as error:
            raise _refused(error, "no_such_merge") from None
        return Response(answer(undone))


def answer(made: Merge) -> MergeAnswer:
    return MergeAnswer(
        made.pk, made.keep_id, made.drop_id, made.reason, made.at, merging.went_over(made), made.undone_at
    )


def _actor(request: Request) -> str:
    return f"api:{key_of(request).name}"


def _refused(error: CannotMerge, unknown: str) -> Refused:
    if error.code == "unknown":
        return Refused(404, unknown, error.message)
    return Refused(409, error.code, error.message)
