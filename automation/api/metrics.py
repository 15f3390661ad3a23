"""What a journey caused, earned and cost, as of the brand's present."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from automation.models import Journey
from automation.results import stats
from automation.results.funnel import Funnel, Messages
from automation.results.period import Period
from automation.results.report import Report, report
from automation.results.verdict import sentence
from config.ground import clock, openapi
from config.ground.models import Brand
from config.ground.problems import Refused
from config.ground.web import Door


class ArmAnswer(Struct):
    """Members whose goal window is over, and how many of them reached the goal; `open`: not over yet, in neither."""

    n: int
    converted: int
    rate: float | None
    ci: tuple[float, float] | None
    open: int


class ArmsAnswer(Struct):
    """`merged`: members who became one, of whom one was treated and one held out; they are left out of both arms."""

    treated: ArmAnswer
    held_out: ArmAnswer
    merged: int


class Lift(Struct):
    """Treated rate less hold-out rate, with its 95 % interval (Newcombe). Null while an arm is empty."""

    value: float | None
    ci: tuple[float, float] | None
    verdict: str
    text: str


class Conversions(Struct):
    """Orders credited to the last message before them. What the journey caused is the lift, not this."""

    orders: int
    amount: int
    currency: str


class Cost(Struct):
    amount: int
    currency: str
    segments: int
    points: Decimal


class MetricsAnswer(Struct):
    journey: str
    version: int | None
    as_of: datetime
    funnel: Funnel
    messages: Messages
    arms: ArmsAnswer
    lift: Lift
    conversions: Conversions
    cost: Cost


class JourneyMetrics(Door):
    scope = "metrics"

    @openapi.call("What a journey caused", name="journey_metrics", answers={200: MetricsAnswer}, refusals=(400, 404))
    def get(self, request: Request, key: str) -> Response:
        """Over all its enrolments, of all its versions. It takes no parameters."""
        journey = Journey.objects.select_related("live").filter(key=key).first()
        if journey is None:
            raise Refused(404, "no_such_journey", _("there is no such journey"))
        return Response(answer(report(journey, Period(clock.now()))))


def answer(found: Report) -> MetricsAnswer:
    currency = Brand.objects.the().currency
    lift, live = found.lift, found.journey.live
    return MetricsAnswer(
        journey=found.journey.key,
        version=live.number if live else None,
        as_of=found.period.as_of,
        funnel=found.funnel,
        messages=found.messages,
        arms=ArmsAnswer(
            treated=_arm(found.arms.treated, found.arms.treated_open),
            held_out=_arm(found.arms.held_out, found.arms.held_out_open),
            merged=found.arms.merged,
        ),
        lift=Lift(
            value=lift.value if lift else None,
            ci=(lift.ci.low, lift.ci.high) if lift else None,
            verdict=found.verdict,
            text=sentence(found.verdict, lift),
        ),
        conversions=Conversions(found.credited.orders, found.credited.amount, currency),
        cost=Cost(found.messages.cost, currency, found.messages.units, found.points),
    )


def _arm(arm: stats.Arm, still_open: int) -> ArmAnswer:
    if not arm.n:
        return ArmAnswer(0, 0, None, None, still_open)
    ci = stats.wilson(arm)
    return ArmAnswer(arm.n, arm.converted, arm.rate, (ci.low, ci.high), still_open)
