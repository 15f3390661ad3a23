"""What is held on a member is given to them, or erased. Both are everything there is, whoever told of it, so both need the grant
`members:all` beside the scope `members`.
"""

from __future__ import annotations

from types import SimpleNamespace

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import erasure, exporting, visible
from cdp.api.members import MemberDoor
from cdp.models import Member
from cdp.models.privacy import Reason
from config.ground import clock, openapi
from config.ground.api.jobs import WAITING, JobAnswer, accepted, actor
from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

FORMAT = OpenApiParameter(
    "format", enum=list(exporting.FORMS), description="One JSON document, or a ZIP of one per table."
)
REASON = OpenApiParameter(
    "reason", enum=Reason.values, description="Why: `asked` (the member did) when it is not said."
)


class ByAccept(DefaultContentNegotiation):
    """`?format=` is ours here: it says what the file is, not what this answer is."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)  # type: ignore[assignment]  # all that it reads


class MemberExport(Door):
    scope = "members"
    content_negotiation_class = ByAccept

    @openapi.call(
        "All that is held on a member",
        name="member_export",
        answers={202: JobAnswer},
        refusals=(404,),
        parameters=(FORMAT,),
        answer=WAITING,
    )
    def get(self, request: Request, member: str) -> Response:
        """Starts a job; poll it at `Location`, then fetch its `file`. Who asks again within ten minutes gets the same job."""
        key = key_of(request)
        found = _visible(member, key)
        form = _one_of(request, "format", tuple(exporting.FORMS), "json")
        return accepted(exporting.ask(found.pk, form=form, actor=actor(key), now=clock.now()))


class OneMember(MemberDoor):
    """The member, to be read and to be erased."""

    @openapi.call(
        "Erase a member",
        name="member_erase",
        answers={202: JobAnswer},
        refusals=(404,),
        parameters=(REASON,),
        answer=WAITING | {"kind": "erase"},
    )
    def delete(self, request: Request, member: str) -> Response:
        """Starts a job, once per member: asked again by the member's id, before or after, the answer is the same job. Personal
        data and their keys go; orders, points and figures stay under a number that names nobody; a receipt remains.
        """
        key = key_of(request)
        found = _visible(member, key, erased=True)
        reason = _one_of(request, "reason", tuple(Reason.values), Reason.ASKED.value)
        return accepted(erasure.ask(found.pk, reason=reason, actor=actor(key), now=clock.now()))


def _visible(name: str, key: ApiKey, *, erased: bool = False) -> Member:
    visible.need_everybody(key)
    try:
        return visible.member(name, key)
    except visible.NoSuchMember:
        by_id = erased and name.isascii() and name.isdigit() and len(name) < 19
        gone = Member.objects.filter(pk=int(name), erased_at__isnull=False).first() if by_id else None
        if gone is None:
            raise
        return gone


def _one_of(request: Request, name: str, known: tuple[str, ...], default: str) -> str:
    said = request.query_params.get(name, default)
    if said not in known:
        fault = Fault(name, "unknown_value", _("known: %(known)s") % {"known": ", ".join(known)})
        raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
    return said
