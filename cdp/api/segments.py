"""Segments: made, previewed, read page by page. They count everybody, whoever told of them, so a key needs `members:all`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.utils.translation import gettext as _
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import segments, visible
from cdp.conditions import in_both, parse
from cdp.conditions.explain import Texts
from cdp.errors import InUse, InvalidCondition
from cdp.models import Segment, SegmentMember
from cdp.preview import Preview, preview
from config.ground import clock, openapi, strict
from config.ground.paging import page
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

YEARS = range(1900, 2101)
Name = Annotated[str, Meta(min_length=1, max_length=segments.NAME)]
EnglishName = Annotated[str, Meta(max_length=segments.NAME)]
Named = Annotated[str, Meta(min_length=1, max_length=300)]


class SegmentSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a condition (null) it is a fixed list. `name_en`: for readers of English, where it is another."""

    name: Name
    condition: dict[str, Any] | None
    name_en: EnglishName = ""


class NewSegment(Struct, frozen=True, forbid_unknown_fields=True):
    """As `SegmentSaid`, with the key: small letters, digits and `-`."""

    key: Annotated[str, Meta(min_length=1, max_length=40)]
    name: Name
    condition: dict[str, Any] | None
    name_en: EnglishName = ""


class SegmentAnswer(Struct):
    """`members`: when they were counted last, at `judged_at` (null: not since it was saved)."""

    key: str
    name: str
    name_en: str
    condition: dict[str, Any] | None
    sentence: Texts | None
    ready: bool
    members: int
    judged_at: datetime | None


class SegmentPage(Struct):
    """`next` is the cursor of the next page; null on the last."""

    items: list[SegmentAnswer]
    next: str | None


class PreviewAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """`as_of`: now, when it is not given."""

    condition: dict[str, Any]
    as_of: Annotated[datetime, Meta(tz=True)] | None = None


class SegmentMemberItem(Struct):
    member: int
    since: datetime


class SegmentMemberPage(Struct):
    """`next` is the cursor of the next page; null on the last."""

    items: list[SegmentMemberItem]
    next: str | None


class Listed(Struct, frozen=True, forbid_unknown_fields=True):
    """Members by id, or by an identity as `kind:value`."""

    add: Annotated[list[Named], Meta(max_length=1000)] = []
    remove: Annotated[list[Named], Meta(max_length=1000)] = []


class ListedAnswer(Struct):
    """How many came and went; `unknown`: names that name nobody."""

    added: int
    removed: int
    unknown: list[str]


BOUGHT = {"field": "orders", "op": ">=", "value": 1}
SENTENCE = {"zh": "订单数不低于1", "en": "orders at least 1"}
EXAMPLE = {
    "key": "buyers",
    "name": "买过的",
    "name_en": "Buyers",
    "condition": BOUGHT,
    "sentence": SENTENCE,
    "ready": False,
    "members": 1,
    "judged_at": "2026-03-01T04:00:00Z",
}
PREVIEW = {
    "count": 1,
    "total": 3,
    "sentence": SENTENCE,
    "historical": True,
    "sample": [17],
    "parts": [{"path": "", "sentence": SENTENCE, "count": 1}],
}


class SegmentDoor(Door):
    scope = "segments"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        visible.need_everybody(key_of(request))


class Segments(SegmentDoor):
    @openapi.call(
        "The segments",
        name="segments",
        answers={200: SegmentPage},
        parameters=openapi.PAGE,
        answer={"items": [EXAMPLE], "next": None},
    )
    def get(self, request: Request) -> Response:
        """By key."""
        rows, cursor = page(request, Segment.objects.all(), by="key")
        return Response(SegmentPage([_answer(row) for row in rows], cursor))

    @openapi.call(
        "A segment is made",
        name="segment_make",
        body=NewSegment,
        answers={201: SegmentAnswer},
        example={"key": "bought-once", "name": "买过的", "condition": BOUGHT},
        answer=EXAMPLE,
    )
    def post(self, request: Request) -> Response:
        """Its members are there within a minute."""
        said = strict.whole(request.data, NewSegment)
        segment = Segment(key=said.key, name=said.name, name_en=said.name_en, condition=said.condition)
        return Response(_saved(segment, request), status=201)


class OneSegment(SegmentDoor):
    @openapi.call("A segment", name="segment", answers={200: SegmentAnswer}, answer=EXAMPLE)
    def get(self, request: Request, segment: str) -> Response:
        return Response(_answer(_the(segment)))

    @openapi.call(
        "A segment is changed",
        name="segment_change",
        body=SegmentSaid,
        answers={200: SegmentAnswer},
        example={"name": "买过的", "name_en": "Buyers", "condition": None},
        answer=EXAMPLE,
    )
    def put(self, request: Request, segment: str) -> Response:
        """The same again changes nothing. A key stays, and a fixed list stays one."""
        said, found = strict.whole(request.data, SegmentSaid), _the(segment)
        found.name, found.name_en, found.condition = said.name, said.name_en, said.condition
        return Response(_saved(found, request))

    @openapi.call(
        "A segment is removed", name="segment_remove", answers={200: SegmentAnswer}, refusals=(409,), answer=EXAMPLE
    )
    def delete(self, request: Request, segment: str) -> Response:
        """Answers what it was. 409 while another segment, a tag rule or a journey asks for it."""
        found = _the(segment)
        answer = _answer(found)
        try:
            segments.remove(found, actor=f"api:{key_of(request).name}", now=clock.now())
        except InUse as error:
            why = _("something asks for it: %(users)s") % {"users": ", ".join(error.users)}
            raise Refused(409, "in_use", why) from None
        return Response(answer)


class SegmentPreview(SegmentDoor):
    @openapi.call(
        "What a condition finds",
        name="segment_preview",
        body=PreviewAsked,
        answers={200: Preview},
        example={"condition": BOUGHT},
        answer=PREVIEW,
    )
    def post(self, request: Request) -> Response:
        """How many members fulfil it and each part of it. Changes nothing."""
        asked = strict.whole(request.data, PreviewAsked)
        as_of = asked.as_of or clock.now()
        if as_of.year not in YEARS:
            raise _invalid([Fault("as_of", "out_of_range", _("an instant of the years 1900 to 2100"))])
        try:
            node = parse(asked.condition, "condition")
        except InvalidCondition as error:
            raise _refused(error) from None
        return Response(preview(node, as_of=as_of))


class SegmentMembers(SegmentDoor):
    @openapi.call(
        "Who is in a segment",
        name="segment_members",
        answers={200: SegmentMemberPage},
        parameters=openapi.PAGE,
        answer={"items": [{"member": 17, "since": "2026-03-01T04:00:00Z"}], "next": None},
    )
    def get(self, request: Request, segment: str) -> Response:
        """As it was judged last: with news within seconds, and every hour."""
        inside = SegmentMember.objects.filter(segment=_the(segment), member__merged_into=None)
        rows, cursor = page(request, inside, by="member")
        return Response(SegmentMemberPage([SegmentMemberItem(row.member_id, row.since) for row in rows], cursor))

    @openapi.call(
        "Members are put on a fixed list, or taken off",
        name="segment_list",
        body=Listed,
        answers={200: ListedAnswer},
        example={"add": ["crm_id:1001"]},
        answer={"added": 1, "removed": 0, "unknown": []},
        refusals=(422,),
    )
    def post(self, request: Request, segment: str) -> Response:
        """The same again changes nothing."""
        said, found = strict.whole(request.data, Listed), _the(segment)
        actor, now = f"api:{key_of(request).name}", clock.now()
        named = {name: visible.named(name) for name in [*said.add, *said.remove]}
        there = set(
            visible.members(key_of(request)).filter(pk__in=filter(None, named.values())).values_list("pk", flat=True)
        )
        add, remove = ([pk for name in names if (pk := named[name]) in there] for names in (said.add, said.remove))
        try:
            added = segments.put(found, [pk for pk in add if pk], actor=actor, now=now)
            removed = segments.take(found, [pk for pk in remove if pk], actor=actor, now=now)
        except InvalidCondition as error:
            [fault] = error.faults
            raise Refused(422, fault.code, fault.message) from None
        return Response(ListedAnswer(added, removed, sorted(name for name, pk in named.items() if pk not in there)))


def _the(key: str) -> Segment:
    if found := Segment.objects.filter(key=key).first():
        return found
    raise Refused(404, "no_such_segment", _("there is no segment with this key"))


def _saved(segment: Segment, request: Request) -> SegmentAnswer:
    try:
        return _answer(segments.save(segment, actor=f"api:{key_of(request).name}", now=clock.now()))
    except InvalidCondition as error:
        raise _refused(error) from None


def _refused(error: InvalidCondition) -> Refused:
    return _invalid([Fault(fault.path, fault.code, fault.message) for fault in error.faults])


def _invalid(faults: list[Fault]) -> Refused:
    return Refused(400, "invalid", _("the request does not have the right form"), faults)


def _answer(segment: Segment) -> SegmentAnswer:
    return SegmentAnswer(
        key=segment.key,
        name=segment.name,
        name_en=segment.name_en,
        condition=segment.condition,
        sentence=_sentence(segment),
        ready=segment.ready,
        members=segment.members,
        judged_at=segment.judged_at,
    )


def _sentence(segment: Segment) -> Texts | None:
    """None: it has no condition, or one that cannot be read any longer."""
    try:
        return None if segment.condition is None else Texts(**in_both(segment.condition))
    except InvalidCondition:
        return None
