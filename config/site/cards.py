"""A journey on the overview: its funnel, both arms with their intervals, the lift on an axis around zero, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from automation.models import Journey
from automation.results import stats
from automation.results.report import Report
from automation.results.verdict import Verdict, points, sentence
from config.ground import money

TONES = {Verdict.RAISED: "good", Verdict.LOWERED: "bad"}


@dataclass(frozen=True)
class Line:
    """A bar of the funnel: `share` of those that qualified, in percent; `meaning` where the label cannot say it all."""

    label: str
    count: str
    share: float
    tone: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class ArmBar:
    """A rate and its interval as positions in percent of the axis."""

    label: str
    tone: str
    text: str
    of: str
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Card:
    key: str
    name: str
    state: str
    state_label: str
    link: str
    funnel: list[Line]
    arms: list[ArmBar]
    still_open: str
    merged: str
    lift: str
    interval: str
    whisker: dict[str, float] | None
    reach: str
    verdict: str
    tone: str
    money: list[tuple[str, str]]


def cards(reports: list[Report], currency: str) -> list[Card]:
    """All on the same axes, so that they can be compared by eye."""
    bounds = [abs(end) for r in reports if r.lift for end in (r.lift.ci.low, r.lift.ci.high)]
    reach = max(0.05, ceil(max(bounds, default=0) * 20) / 20)
    highs = [stats.wilson(arm).high for r in reports for arm in (r.arms.treated, r.arms.held_out) if arm.n]
    top = min(1.0, max(0.1, ceil(max(highs, default=0) * 10) / 10))
    return [_card(report, currency, reach, top) for report in reports]


def _card(report: Report, currency: str, reach: float, top: float) -> Card:
    journey, lift = report.journey, report.lift
    still_open = report.arms.treated_open + report.arms.held_out_open
    return Card(
        key=journey.key,
        name=str(journey),
        state=journey.state,
        state_label=journey.get_state_display(),
        link=_link(journey),
        funnel=_funnel(report),
        arms=[
            bar
            for label, tone, arm in (
                (_("treated"), "treated", report.arms.treated),
                (_("held out"), "held", report.arms.held_out),
            )
            if (bar := _arm(label, tone, arm, top))
        ],
        still_open=_("%(count)s more are counted when their goal window is over") % {"count": f"{still_open:,}"}
        if still_open
        else "",
        merged=_("%(count)s left out: merged, and of both arms") % {"count": f"{report.arms.merged:,}"}
        if report.arms.merged
        else "",
        lift=_("%(points)s pts") % {"points": points(lift.value)} if lift else "–",
        interval=f"{points(lift.ci.low)} … {points(lift.ci.high)}" if lift else "",
        whisker=_whisker(lift, reach) if lift else None,
        reach=f"{reach * 100:.0f}",
        verdict=sentence(report.verdict, lift),
        tone=TONES.get(report.verdict, "plain"),
        money=_money(report, currency),
    )


def _funnel(report: Report) -> list[Line]:
    found = report.funnel
    left = _("They met the goal or the exit before a message was due, or their way ended without one.")
    refused = _("Every message was suppressed, failed or expired: the reasons stand at the messages.")
    lines = [
        (_("qualified"), found.qualified, "", ""),
        (_("held out"), found.held_out, "held", ""),
        (_("enrolled"), found.enrolled, "", ""),
        (_("left before a message"), found.left_before, "lost", left),
        (_("not reached"), found.not_reached, "lost", refused),
        (_("under way"), found.under_way, "lost", _("Not reached yet: a step or a message is still to come.")),
        (_("reached"), found.reached, "", _("At least one message was sent.")),
        (_("delivered"), found.delivered, "", ""),
        (_("converted"), found.converted, "strong", _("An order is credited to a message of the enrolment.")),
    ]
    whole = max(found.qualified, 1)
    return [
        Line(label, f"{count:,}", round(100 * count / whole, 1), tone, meaning) for label, count, tone, meaning in lines
    ]


def _arm(label: str, tone: str, arm: stats.Arm, top: float) -> ArmBar | None:
    if not arm.n:
        return None
    ci = stats.wilson(arm)
    at, low, high = (round(100 * share / top, 2) for share in (arm.rate, ci.low, ci.high))
    return ArmBar(label, tone, f"{arm.rate:.1%}", f"{arm.converted:,} / {arm.n:,}", at, low, high)


def _whisker(lift: stats.Difference, reach: float) -> dict[str, float]:
    def place(value: float) -> float:
        return round(50 + 50 * value / reach, 2)

    low, high = place(lift.ci.low), place(lift.ci.high)
    return {"low": low, "width": round(high - low, 2), "at": place(lift.value)}


def _money(report: Report, currency: str) -> list[tuple[str, str]]:
    shown: list[tuple[Any, str]] = [
        (_("messages sent"), f"{report.messages.sent:,}"),
        (_("opted out"), f"{report.funnel.opted_out:,}"),
        (_("message cost"), money.show(report.messages.cost, currency)),
        (_("points granted"), f"{report.points:,.0f}"),
        (_("credited orders"), f"{report.credited.orders:,}"),
        (_("credited amount"), money.show(report.credited.amount, currency)),
    ]
    return [(str(label), text) for label, text in shown]


def _link(journey: Journey) -> str:
    return reverse("admin:automation_enrolment_changelist") + f"?journey__id__exact={journey.pk}"
