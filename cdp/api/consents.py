"""A member's word on being contacted comes in, with its evidence; it is appended and never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.utils.translation import gettext as _
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import consents, visible
from cdp.api.members import ConsentInForce
from config.ground import clock, instants, openapi, strict
from config.ground.answers import once
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

IN_FORCE = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-02-28T10:00:00+08:00"}
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,19}$")]  # what its column holds


class ConsentSaid(Struct, frozen=True, forbid_unknown_fields=True):
    channel: Name
    purpose: Name
    state: Annotated[str, Meta(pattern=r"^(granted|withdrawn)$")]
    at: Annotated[datetime, Meta(tz=True)]
    evidence: Annotated[str, Meta(min_length=1, max_length=200)]
    wording: Annotated[str, Meta(max_length=50)] = ""
    guardian: Annotated[str, Meta(max_length=100)] = ""


class ConsentAnswer(Struct):
    """`recorded`: this word is new. `in_force`: the latest word by its instant, which may be another."""

    recorded: bool
    in_force: ConsentInForce


class MemberConsents(Door):
    scope = "members"

    @openapi.call(
        "A member grants or withdraws",
        name="member_consent",
        body=ConsentSaid,
        answers={200: ConsentAnswer},
        refusals=(404, 409, 422),
        parameters=(openapi.IDEMPOTENCY_KEY,),
        example=IN_FORCE | {"evidence": "form 7"},
        answer={"recorded": True, "in_force": IN_FORCE},
    )
    @once(required=False)
    def post(self, request: Request, member: str) -> Response:
        """`member` is a member id, or an identity as `kind:value`. The same word again changes nothing. `wording` is the version
        of the words that were shown. For somebody below fourteen `guardian` names who consents (422 `minor` without).
        """
        said, now = strict.whole(request.data, ConsentSaid), clock.now()
        if wrong := instants.fault(said.at, now=now):
            status = 422 if wrong[0] == "future" else 400
            raise Refused(status, "invalid", _("the request does not have the right form"), [Fault("at", *wrong)])
        if unknown := consents.unknown(said.channel, said.purpose):
            fault = Fault(unknown.path, unknown.code, unknown.message)
            raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
        key = key_of(request)
        found = visible.member(member, key)
        word = consents.Said(
            found.pk,
            said.channel,
            said.purpose,
            said.state,
            said.at,
            said.evidence,
            key.source,
            said.wording,
            said.guardian,
            visible.naming(member),
        )
        if lacking := consents.refusal(word):
            fault = Fault(lacking.path, lacking.code, lacking.message)
            raise Refused(422, "minor", lacking.message, [fault])
        recorded = consents.record(word, actor=f"api:{key.name}", now=now)
        force = found.consents.get(channel=said.channel, purpose=said.purpose)
        return Response(ConsentAnswer(recorded, ConsentInForce(force.channel, force.purpose, force.state, force.at)))
