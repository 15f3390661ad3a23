"""One member, as far as the asking key may see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import tags, visible
from cdp.conditions import facts
from cdp.masks import masked
from cdp.models import Member, Placement
from config.ground import clock, openapi
from config.ground.models import Brand
from config.ground.problems import Refused
from config.ground.web import Door, key_of


class Purchases(Struct):
    """Money in fen of `currency`; `recency` in days of the brand."""

    orders: int
    purchase_days: int
    amount: int
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
    id: int
    as_of: datetime
    registered_at: datetime | None
    attributes: dict[str, Any]
    tags: list[str]
    synthetic: bool
    profile: Purchases | None
    stage: Standing | None
    value_tier: Standing | None
    points: Points
    consents: list[ConsentInForce]
    identities: list[MaskedIdentity]


class MemberDoor(Door):
    scope = "members"

    @openapi.call("A member", name="member", answers={200: MemberAnswer}, refusals=(404,))
    def get(self, request: Request, member: str) -> Response:
        """`member` is a member id, or an identity as `kind:value`."""
        found = visible.member(member, key_of(request))
        if found is None:
            raise Refused(404, "no_such_member", _("this key sees no such member"))
        return Response(answer(found, as_of=clock.now()))


def answer(member: Member, *, as_of: datetime) -> MemberAnswer:
    known = facts([member.pk], as_of=as_of)[member.pk]
    standing = {
        p.axis: Standing(p.value, p.since)
        for p in Placement.objects.filter(member=member, since__lte=as_of).order_by("since")
    }
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
        points=Points(known["points_balance"]),
        consents=[
            ConsentInForce(c.channel, c.purpose, c.state, c.at) for c in member.consents.order_by("channel", "purpose")
        ],
        identities=[MaskedIdentity(i.kind, i.app, masked(i)) for i in member.identities.order_by("id")],
    )


def _purchases(known: dict[str, Any]) -> Purchases:
    columns = {name: known[name] for name in Purchases.__struct_fields__ if name != "currency"}
    return Purchases(**columns, currency=Brand.objects.the().currency)
