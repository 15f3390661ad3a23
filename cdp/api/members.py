"""One member, as far as the asking key may see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import UNSET, Meta, Struct, UnsetType, field
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import attributes, describing, roots, tagging, tags, visible
from cdp.conditions import facts
from cdp.errors import Erased, Fault, InvalidTag, TooManyAttributes, Undescribed
from cdp.features import families
from cdp.masks import masked
from cdp.models import Member, Placement
from config.ground import clock, openapi, problems, strict
from config.ground.models import Brand
from config.ground.problems import Refused
from config.ground.web import Door, key_of


class Purchases(Struct):
    """Money in fen of `currency`; `recency` in days of the brand."""

    orders: int
    orders_30: int
    orders_90: int
    orders_365: int
    purchase_days: int
    amount: int
    amount_30: int
    amount_90: int
    amount_365: int
    currency: str
    first_order_at: datetime | None
    last_order_at: datetime | None
    recency: int | None
    expected_interval: float | None
    next_order_due: datetime | None


class Standing(Struct):
    value: str
    since: datetime


class Rfm(Struct):
    """1 to 5 each by the day's cut points; the group of eight and the class of four."""

    recency: int
    frequency: int
    monetary: int
    group: str
    class_: str = field(name="class")


class ConsentInForce(Struct):
    channel: str
    purpose: str
    state: str
    at: datetime


class MaskedIdentity(Struct):
    kind: str
    app: str
    value: str


class Points(Struct):
    balance: Decimal


class MemberAnswer(Struct):
    """`habits`: what else is known, by the name of the field; what is not known is not there."""

    id: int
    as_of: datetime
    registered_at: datetime | None
    attributes: dict[str, Any]
    tags: list[str]
    synthetic: bool
    profile: Purchases | None
    stage: Standing | None
    value_tier: Standing | None
    mall_stage: Standing | None
    rfm: Rfm | None
    habits: dict[str, Any]
    points: Points
    consents: list[ConsentInForce]
    identities: list[MaskedIdentity]


Number = Meta(ge=-(10**18), le=10**18)
Value = (
    str | bool | Annotated[int, Number] | Annotated[float, Number] | Annotated[list[str], Meta(max_length=100)] | None
)


class Ends(Struct, frozen=True, forbid_unknown_fields=True):
    expires_at: Annotated[datetime, Meta(tz=True)]


class Described(Struct, frozen=True, forbid_unknown_fields=True):
    """Null removes an attribute. `tags`, by `family:name`: true gives it for good, null (or false) takes it away."""

    attributes: Annotated[dict[str, Value], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    tags: Annotated[dict[str, bool | Ends | None], Meta(min_length=1, max_length=100)] | UnsetType = UNSET


EXAMPLE = {
    "id": 17,
    "as_of": "2026-03-01T04:00:00Z",
    "registered_at": "2026-02-01T02:00:00Z",
    "attributes": {"name": "王芳", "city": "杭州"},
    "tags": ["preference:tea"],
    "synthetic": False,
    "profile": {
        "orders": 1,
        "orders_30": 1,
        "orders_90": 1,
        "orders_365": 1,
        "purchase_days": 1,
        "amount": 9800,
        "amount_30": 9800,
        "amount_90": 9800,
        "amount_365": 9800,
        "currency": "CNY",
        "first_order_at": "2026-02-20T02:00:00Z",
        "last_order_at": "2026-02-20T02:00:00Z",
        "recency": 9,
        "expected_interval": 90.0,
        "next_order_due": "2026-05-21T02:00:00Z",
    },
    "stage": {"value": "first_purchase", "since": "2026-02-20T02:00:01Z"},
    "value_tier": {"value": "middle", "since": "2026-02-20T02:00:01Z"},
    "mall_stage": {"value": "newcomer", "since": "2026-02-21T02:00:01Z"},
    "rfm": {"recency": 5, "frequency": 1, "monetary": 3, "group": "general_develop", "class": "potential"},
    "habits": {"preferred_channel": "app", "preferred_hour": 20, "top_categories": ["茶"], "logins": 3},
    "points": {"balance": "98.00"},
    "consents": [{"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-02-01T02:00:00Z"}],
    "identities": [
        {"kind": "phone", "app": "", "value": "+86139****0001"},
        {"kind": "crm_id", "app": "", "value": "****"},
    ],
}


class MemberDoor(Door):
    scope = "members"

    @openapi.call("A member", name="member", answers={200: MemberAnswer}, answer=EXAMPLE)
    def get(self, request: Request, member: str) -> Response:
        """`member` is a member id, or an identity as `kind:value`."""
        return Response(answer(visible.member(member, key_of(request)), as_of=clock.now()))

    @openapi.call(
        "A member is described",
        name="member_describe",
        body=Described,
        answers={200: MemberAnswer},
        refusals=(422,),
        example={"attributes": {"city": "杭州", "nickname": None}, "tags": {"identity:vip": True}},
        answer=EXAMPLE,
    )
    def patch(self, request: Request, member: str) -> Response:
        """Attributes are set and tags given, those that are null removed; the others stay. The same again changes nothing."""
        said, now, key = strict.whole(request.data, Described), clock.now(), key_of(request)
        told = said.attributes or {}
        kept, wrong = attributes.check(told, attributes.declared())
        given, odd = _tags(said.tags or {}, now=now)
        if found := [fault for fault in (describing.fault(told), *wrong, *odd) if fault]:
            faults = [problems.Fault(fault.path, fault.code, fault.message) for fault in found]
            raise Refused(400, "invalid", _("the request does not have the right form"), faults)
        seen = visible.member(member, key)
        try:
            with transaction.atomic():
                if kept:
                    describing.describe(seen.pk, kept, actor=f"api:{key.name}", source=key.source, now=now)
                if given:
                    tagging.say(seen.pk, given, actor=f"api:{key.name}", source=key.source, now=now)
        except Erased:
            raise visible.NoSuchMember(key, seen.pk) from None
        except Undescribed as error:
            fault = problems.Fault(error.fault.path, error.fault.code, error.fault.message)
            raise Refused(422, error.fault.code, error.fault.message, [fault]) from None
        except TooManyAttributes:
            why = _("a member has at most %(most)d attributes") % {"most": describing.MOST}
            raise Refused(422, "too_many_attributes", why) from None
        seen = Member.objects.get(pk=roots.root(seen.pk))
        return Response(answer(seen, as_of=now))


def _tags(said: dict[str, Any], *, now: datetime) -> tuple[tagging.Said, list[Fault]]:
    """(what is said of each tag, what is wrong)"""
    given: dict[tuple[str, str], tagging.Until | None] = {}
    faults = []
    for text, how in said.items():
        try:
            at = how.expires_at if isinstance(how, Ends) else None
            given[tags.parse(text)] = tagging.Until(at) if how else None
        except InvalidTag as error:
            faults.append(Fault("tags", "invalid_tag", str(error)))
    return given, faults or [fault for fault in [tagging.fault(given, now=now)] if fault]


def answer(member: Member, *, as_of: datetime) -> MemberAnswer:
    known = facts([member.pk], as_of=as_of)[member.pk]
    standing = {
        p.axis: Standing(p.value, p.since)
        for p in Placement.objects.filter(member=member, since__lte=as_of).order_by("since")
    }
    standing = {axis: standing for axis, standing in standing.items() if standing.value}  # an empty one is an end
    return MemberAnswer(
        id=member.pk,
        as_of=as_of,
        registered_at=member.registered_at,
        attributes=member.attributes,
        tags=sorted(str(carried.tag) for carried in member.tags.filter(tags.in_force(as_of)).select_related("tag")),
        synthetic=member.synthetic,
        profile=None if known["orders"] is None else _purchases(known),
        stage=standing.get(Placement.Axis.STAGE),
        value_tier=standing.get(Placement.Axis.VALUE_TIER),
        mall_stage=standing.get(Placement.Axis.MALL_STAGE),
        rfm=None if known["rfm_group"] is None else _rfm(known),
        habits={name: known[name] for family in families.BESIDE for name in family.fields if known[name] is not None},
        points=Points(known["points_balance"]),
        consents=[
            ConsentInForce(c.channel, c.purpose, c.state, c.at) for c in member.consents.order_by("channel", "purpose")
        ],
        identities=[MaskedIdentity(i.kind, i.app, masked(i)) for i in member.identities.order_by("id")],
    )


def _rfm(known: dict[str, Any]) -> Rfm:
    names = ("recency", "frequency", "monetary", "group", "class")
    return Rfm(*(known[f"rfm_{name}"] for name in names))


def _purchases(known: dict[str, Any]) -> Purchases:
    columns = {name: known[name] for name in Purchases.__struct_fields__ if name != "currency"}
    return Purchases(**columns, currency=Brand.objects.the().currency)
