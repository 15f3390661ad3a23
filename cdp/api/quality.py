"""How good what a source sends is: the figures of the pages and of `manage.py data_quality`."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.errors import UnknownSource
from cdp.quality import DAYS, LONGEST, measure
from cdp.quality.shapes import Quality
from config.ground import clock, openapi
from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

PARAMETERS = (
    OpenApiParameter(
        "source",
        str,
        description="A key sees its own source; with the scope `admin` any one, or all when it is not given.",
        examples=[OpenApiExample("one source", value="shop")],
    ),
    OpenApiParameter(
        "days",
        int,
        description=f"Brand days up to today: {DAYS}, at most {LONGEST}.",
        examples=[OpenApiExample("a week", value=7)],
    ),
)


class QualityMetrics(Door):
    scope = "metrics"

    @openapi.call(
        "How good what came in is",
        name="metrics_quality",
        answers={200: Quality},
        refusals=(400, 404),
        parameters=PARAMETERS,
    )
    def get(self, request: Request) -> Response:
        """Each figure with its numerator, its denominator and what it means in both languages."""
        days, source = _days(request), _source(request)
        try:
            return Response(measure(as_of=clock.now(), days=days, source=source))
        except UnknownSource:
            raise Refused(404, "no_such_source", _("there is no such source")) from None


def _days(request: Request) -> int:
    text = request.query_params.get("days", str(DAYS))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LONGEST):
        fault = Fault("days", "out_of_range", _("a number of days from 1 to %(most)d") % {"most": LONGEST})
        raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
    return int(text)


def _source(request: Request) -> str | None:
    """Which source is asked for. One that the key may not see is answered as one that there is not."""
    key: ApiKey = key_of(request)
    wanted: str | None = request.query_params.get("source")
    if "admin" in key.scopes:
        return wanted
    if not key.source or wanted not in (None, key.source):
        raise Refused(404, "no_such_source", _("there is no such source"))
    return key.source
