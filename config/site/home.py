"""The overview: who the members are, what each journey really caused, what went out, and what needs a human."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Sum
from django.http import HttpRequest
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from automation.models import Figure, Journey
from automation.results.period import Period
from automation.results.report import report
from cdp.models import Profile
from config.ground import clock, money
from config.ground.models import Alarm, Brand
from config.site import charts
from config.site.cards import cards
from config.site.kpis import tiles
from connectors.models.message import Delivery, State

DAYS = 30
RUNNING = (Journey.State.LIVE, Journey.State.PAUSED, Journey.State.DRAINED)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    if request.user.has_perm("automation.view_figure"):
        context["home"] = home(as_of=clock.now())
    context["title"] = _("Overview")
    return context


def home(*, as_of: datetime) -> dict[str, Any]:
    brand = Brand.objects.the()
    period = Period(as_of)
    journeys = Journey.objects.filter(state__in=RUNNING).select_related("live").order_by("-priority", "key")
    today = clock.local_day(as_of, clock.zone())
    counts = _members()
    return {
        "brand": brand,
        "as_of": f"{localtime(as_of, clock.zone()):%Y-%m-%d %H:%M}",
        "headlines": _headlines(counts, today, brand.currency),
        "journeys": cards([report(journey, period) for journey in journeys], brand.currency),
        "stages": charts.stages_by_tier(counts),
        "messages": _messages(today),
        "kpis": tiles(brand.currency),
        "alarms": list(Alarm.objects.filter(closed_at=None).order_by("-last_at")[:5]),
    }


def _members() -> dict[tuple[str, str], int]:
    rows = Profile.objects.values_list("stage", "value_tier").annotate(count=Count("pk")).order_by()
    return {(stage, tier): count for stage, tier, count in rows}


def _headlines(counts: dict[tuple[str, str], int], today: date, currency: str) -> list[tuple[str, str, str]]:
    """Label, figure, over which time."""
    since = Figure.objects.filter(day__gt=today - timedelta(days=DAYS), day__lte=today)
    sums = dict(
        since.filter(key__in=("orders", "amount", "conversions")).values_list("key").annotate(Sum("value")).order_by()
    )
    sent = since.filter(key="messages", dimensions__state=State.SENT.value).aggregate(sum=Sum("value"))["sum"] or 0
    recent = _("%(days)s days, %(first)s to %(last)s") % {
        "days": DAYS,
        "first": f"{today - timedelta(days=DAYS - 1):%Y-%m-%d}",
        "last": f"{today:%Y-%m-%d}",
    }
    return [
        (_("members"), f"{sum(counts.values()):,}", _("with a profile")),
        (_("orders"), f"{sums.get('orders', 0):,}", recent),
        (_("net amount"), money.show(sums.get("amount", 0), currency), recent),
        (_("messages sent"), f"{sent:,}", recent),
        (_("credited orders"), f"{sums.get('conversions', 0):,}", recent),
    ]


# What became of a message, in the order and the colours of the chart.
FATES: list[tuple[Any, str, dict[str, Any]]] = [
    (Delivery.DELIVERED.label, "var(--h-good)", {"state": "sent", "delivery": ("delivered", "clicked", "replied")}),
    (State.SENT.label, "var(--h-middle)", {"state": "sent", "delivery": ("none",)}),
    (Delivery.UNDELIVERED.label, "var(--h-bad)", {"state": "sent", "delivery": ("undelivered",)}),
    (State.SUPPRESSED.label, "var(--h-base)", {"state": "suppressed"}),
    (State.FAILED.label, "var(--h-warn)", {"state": "failed"}),
]


def _messages(today: date) -> dict[str, Any]:
    """By day and fate over the period, and the sums by state for reading."""
    days = [today - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
    rows = Figure.objects.filter(key="messages", day__in=days).values_list("day", "dimensions", "value")
    columns = [
        (label, colour, [sum(v for d, dims, v in rows if d == day and _is(dims, fate)) for day in days])
        for label, colour, fate in FATES
    ]
    states: dict[str, int] = {}
    for _day, dimensions, value in rows:
        states[dimensions["state"]] = states.get(dimensions["state"], 0) + value
    return {
        "chart": charts.by_day([f"{day:%m-%d}" for day in days], columns),
        "states": [(State(state).label, f"{count:,}") for state, count in sorted(states.items(), key=lambda s: -s[1])],
        "as_of": Figure.objects.filter(key="messages").aggregate(last=Max("day"))["last"],
    }


def _is(dimensions: dict[str, str], fate: dict[str, Any]) -> bool:
    return dimensions["state"] == fate["state"] and (
        "delivery" not in fate or dimensions["delivery"] in fate["delivery"]
    )
