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

NO_EFFECT = "No effect shown: the interval from -1.8 to 8.9 points contains zero."
EXAMPLE = {
    "journey": "win-back",
    "version": 3,
    "as_of": "2026-03-01T04:00:00Z",
    "funnel": {
        "qualified": 1000,
        "held_out": 100,
        "enrolled": 900,
        "left_before": 20,
        "not_reached": 60,
        "under_way": 20,
        "reached": 800,
        "delivered": 780,
        "converted": 90,
        "undelivered": 12,
        "opted_out": 3,
    },
    "messages": {
        "total": 870,
        "sent": 810,
        "delivered": 790,
        "undelivered": 12,
        "replied": 3,
        "suppressed": 55,
        "failed": 5,
        "units": 820,
        "cost": 4100,
    },
    "arms": {
        "treated": {"n": 880, "converted": 97, "rate": 0.1102, "ci": [0.0912, 0.1327], "open": 20},
        "held_out": {"n": 98, "converted": 6, "rate": 0.0612, "ci": [0.0284, 0.1272], "open": 2},
        "merged": 1,
    },
    "lift": {"value": 0.049, "ci": [-0.0182, 0.0887], "verdict": "no_effect", "text": NO_EFFECT},
    "conversions": {"orders": 92, "amount": 1288000, "currency": "CNY"},
    "cost": {"amount": 4100, "currency": "CNY", "segments": 820, "points": "9000.00"},
}


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

    @openapi.call("What a journey caused", name="journey_metrics", answers={200: MetricsAnswer}, answer=EXAMPLE)
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
