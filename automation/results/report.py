"""One journey, one period: how far its enrolments came, what both arms did, what it cost and what is credited to it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from automation.models import Journey
from automation.results import funnel, stats
from automation.results.arms import Arms, arms
from automation.results.period import Period
from automation.results.verdict import Verdict, verdict


@dataclass(frozen=True)
class Report:
    journey: Journey
    period: Period
    funnel: funnel.Funnel
    messages: funnel.Messages
    arms: Arms
    lift: stats.Difference | None
    verdict: Verdict
    credited: funnel.Credit
    points: Decimal


def report(journey: Journey, period: Period) -> Report:
    both = arms(journey.pk, period)
    lift = stats.difference(both.treated, both.held_out)
    return Report(
        journey=journey,
        period=period,
        funnel=funnel.funnel(journey.pk, period),
        messages=funnel.messages(journey.pk, period),
        arms=both,
        lift=lift,
        verdict=verdict(both, lift),
        credited=funnel.credited(journey.pk, period),
        points=funnel.points(journey.pk, period),
    )
