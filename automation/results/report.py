"""One journey, one period: how far its enrolments came, what both arms did, what it cost and what is credited to it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from automation.models import Journey
from automation.results import funnel as measured
from automation.results.arms import Arms, arms
from automation.results.funnel import Credit, Funnel, Messages
from automation.results.period import Period
from automation.results.stats import Difference, difference
from automation.results.verdict import Verdict, verdict


@dataclass(frozen=True)
class Report:
    journey: Journey
    period: Period
    funnel: Funnel
    messages: Messages
    arms: Arms
    lift: Difference | None
    verdict: Verdict
    credited: Credit
    points: Decimal


def report(journey: Journey, period: Period) -> Report:
    both = arms(journey.pk, period)
    lift = difference(both.treated, both.held_out)
    return Report(
        journey=journey,
        period=period,
        funnel=measured.funnel(journey.pk, period),
        messages=measured.messages(journey.pk, period),
        arms=both,
        lift=lift,
        verdict=verdict(both, lift),
        credited=measured.credited(journey.pk, period),
        points=measured.points(journey.pk, period),
    )
