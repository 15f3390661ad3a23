"""What the members are like, as of an instant. The figures are of everybody's facts, so a key needs `members:all`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import visible
from cdp.api import insight_examples as examples
from cdp.errors import InvalidPath, UnknownWhom
from cdp.insight import funnels, tgi, whom
from cdp.insight.about import About, about
from cdp.insight.cohorts import Cohorts, cohorts_of
from cdp.insight.funnels import Path, SecondPurchase
from cdp.insight.intervals import Intervals, intervals
from cdp.insight.overlap import MOST, VALUABLE_OR_LEAVING, Overlap, overlap
from cdp.insight.overview import Insight, overview
from cdp.insight.rfm import Spread, spread
from cdp.insight.tgi import Profiled
from cdp.insight.whom import Whom
from config.ground import clock, openapi
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

WHOM = (
    "A segment's key, or `stage:`, `value_tier:`, `rfm_group:`, `tag:family:` with a value; everybody when not given."
)
AS_OF = OpenApiParameter(
    "as_of",
    datetime,
    description="From facts up to this instant; the brand's present when not given.",
    examples=[OpenApiExample("an instant", value="2026-02-28T23:59:59+08:00")],
)
SEGMENT = OpenApiParameter(
    "segment", str, description=WHOM, examples=[OpenApiExample("first purchase", value="stage:first_purchase")]
)
BASE = OpenApiParameter("base", str, description="Held against whom. " + WHOM)


def _listed(name: str, description: str, example: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, examples=[OpenApiExample("some", value=example)])


class InsightDoor(Door):
    scope = "metrics"

    def asked(self, request: Request) -> datetime:
        """The instant that is asked about, of a key that may see everybody."""
        visible.need_everybody(key_of(request))
        return _as_of(request)


def _as_of(request: Request) -> datetime:
    now = clock.now()
    if (text := request.query_params.get("as_of")) is None:
        return now
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1970 <= at.year < 9999:
        raise _wrong("as_of", "invalid_time", _("not an instant with its offset, like 2026-03-01T10:00:00+08:00"))
    if at > now:
        raise _wrong("as_of", "future", _("nothing is known of the future"))
    return at.astimezone(UTC)


def _wrong(path: str, code: str, message: str) -> Refused:
    return Refused(400, "invalid", _("the request does not have the right form"), [Fault(path, code, message)])


def _whom(request: Request, name: str, as_of: datetime) -> Whom:
    text = request.query_params.get(name, whom.EVERYBODY_KEY)
    return _known(name, lambda: whom.find(text, as_of=as_of))


def _known(path: str, find: Callable[[], Any]) -> Any:
    try:
        return find()
    except UnknownWhom as error:
        raise _wrong(path, "unknown_value", str(error)) from None


def _words(request: Request, name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    text = request.query_params.get(name)
    return otherwise if text is None else tuple(word.strip() for word in text.split(","))


class InsightOverview(InsightDoor):
    @openapi.call(
        "Stages, value tiers, RFM, revenue shares and cohorts",
        name="insight",
        answers={200: Insight},
        parameters=(AS_OF, SEGMENT),
        answer=examples.INSIGHT,
    )
    def get(self, request: Request) -> Response:
        """The same as `manage.py insight --json`. Cut points and base interval are everybody's, whoever is counted."""
        at = self.asked(request)
        return Response(overview(_whom(request, "segment", at), as_of=at))


class InsightRfm(InsightDoor):
    @openapi.call(
        "RFM cell by cell",
        name="insight_rfm",
        answers={200: Spread},
        parameters=(AS_OF, SEGMENT),
        answer=examples.SPREAD,
    )
    def get(self, request: Request) -> Response:
        """Cut points, means, members and money of every score and of the eight groups; stages by value tier."""
        at = self.asked(request)
        return Response(spread(_whom(request, "segment", at), as_of=at))


class InsightTgi(InsightDoor):
    @openapi.call(
        "What a segment has more or less of",
        name="insight_tgi",
        answers={200: Profiled},
        parameters=(
            AS_OF, SEGMENT, BASE, _listed("traits", f"Some of {', '.join(tgi.BY_KEY)}, between commas.", "tag,category"),
        ),
        answer=examples.TGI,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """TGI of tags, categories, cities, hours and channels. Within a family what stands out most is first."""
        at = self.asked(request)
        segment, base = _whom(request, "segment", at), _whom(request, "base", at)
        families = _words(request, "traits", tuple(tgi.BY_KEY))
        return Response(_known("traits", lambda: tgi.tgi(segment, base, families=families, as_of=at)))


class InsightCohorts(InsightDoor):
    @openapi.call(
        "Who came back, by month of the first purchase",
        name="insight_cohorts",
        answers={200: Cohorts},
        parameters=(AS_OF, SEGMENT),
        answer={"as_of": "2026-03-01T04:00:00Z", "cohorts": examples.COHORTS},
    )
    def get(self, request: Request) -> Response:
        at = self.asked(request)
        return Response(cohorts_of(_whom(request, "segment", at), as_of=at))


class InsightIntervals(InsightDoor):
    @openapi.call(
        "Days between purchases, by category",
        name="insight_intervals",
        answers={200: Intervals},
        parameters=(
            AS_OF,
            SEGMENT,
            _listed("category", "Of the first level: the ranges are of its purchases.", "tea"),
        ),
        answer=examples.INTERVALS,
    )
    def get(self, request: Request) -> Response:
        at = self.asked(request)
        category = request.query_params.get("category", "")
        return Response(intervals(_whom(request, "segment", at), category=category, as_of=at))


class InsightSecondPurchase(InsightDoor):
    @openapi.call(
        "From the first purchase to the second",
        name="insight_second_purchase",
        answers={200: SecondPurchase},
        parameters=(AS_OF, SEGMENT),
        answer=examples.SECOND,
    )
    def get(self, request: Request) -> Response:
        at = self.asked(request)
        return Response(funnels.second_purchase(_whom(request, "segment", at), as_of=at))


class InsightPath(InsightDoor):
    @openapi.call(
        "Where members break off a path",
        name="insight_path",
        answers={200: Path},
        parameters=(
            AS_OF,
            SEGMENT,
            _listed("steps", "Kinds of events, and `order`, between commas.", "browse,cart_add,order"),
            OpenApiParameter(
                "days", int, description=f"Days up to the instant: {funnels.DAYS}, at most {funnels.LONGEST_DAYS}."
            ),
        ),
        answer=examples.PATH,
    )
    def get(self, request: Request) -> Response:
        """Each step is the first after the one before it, within the window."""
        at = self.asked(request)
        text = request.query_params.get("days", str(funnels.DAYS))
        days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
        steps = _words(request, "steps", funnels.PATH)
        try:
            return Response(funnels.path(_whom(request, "segment", at), steps=steps, days=days, as_of=at))
        except InvalidPath as error:
            raise _wrong(error.part, "wrong_form", str(error)) from None


class InsightOverlap(InsightDoor):
    @openapi.call(
        "How far segments cover each other",
        name="insight_overlap",
        answers={200: Overlap},
        parameters=(
            AS_OF,
            _listed(
                "segments",
                f"Two to {MOST}, between commas: {', '.join(VALUABLE_OR_LEAVING)} when not given.",
                "stage:dormant,value_tier:top",
            ),
        ),
        answer=examples.OVERLAP,
    )
    def get(self, request: Request) -> Response:
        at = self.asked(request)
        names = dict.fromkeys(_words(request, "segments", VALUABLE_OR_LEAVING))
        found = {name: _known("segments", partial(whom.find, name, as_of=at)) for name in names}
        return Response(_known("segments", lambda: overlap(found, as_of=at)))


class SegmentInsight(InsightDoor):
    scope = "segments"

    @openapi.call(
        "What a segment is like",
        name="segment_insight",
        answers={200: About},
        parameters=(AS_OF,),
        answer=examples.ABOUT,
    )
    def get(self, request: Request, segment: str) -> Response:
        """RFM, stage and tier mix, and the TGI of every tag and category against everybody."""
        at = self.asked(request)
        try:
            return Response(about(segment, as_of=at))
        except UnknownWhom:
            raise Refused(404, "no_such_segment", _("there is no such segment")) from None
