"""Once per brand day: an alarm for each source and kind that fell short on a day that is over, and for each that fell silent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from cdp import population
from cdp.models import PopulationRun
from cdp.quality import days, problems
from config.ground import alarms
from config.ground.models import Alarm

SILENT = "quality:silent"


@transaction.atomic
def watch(*, now: datetime) -> int:
    """Look at the days since the last look, a week at most. Returns how many alarms rang; on a day that was looked at, none."""
    today = population.current(as_of=now).day
    last = PopulationRun.objects.filter(day__lt=today, watched_at__isnull=False).aggregate(last=Max("day"))["last"]
    if PopulationRun.objects.filter(pk=today, watched_at=None).update(watched_at=now) != 1:
        return 0  # somebody was faster
    since = max(last or today - timedelta(days=1), today - timedelta(days=problems.RECENT))
    over = days.span(days=problems.RECENT + 1, source=None, as_of=now)
    came, heard = days.volumes(over), days.silences(over)
    rung: dict[str, str] = {}
    for pk, source in over.sources.items():
        for drop in problems.drops(days.by_day(came[pk], over), since=since):
            rung[f"quality:{source.code}:{drop.kind}:{drop.day}"] = _told(source.name, drop)
        for silence in problems.silences(heard[pk], as_of=now):
            rung[f"{SILENT}:{source.code}:{silence.kind}"] = _told(source.name, silence)
    for subject, detail in rung.items():
        alarms.ring(subject, detail, now=now)
    for subject in _heard_again(set(rung)):
        alarms.close(subject, now=now)
    return len(rung)


def _told(source: str, problem: problems.Problem) -> str:
    """In the language of this installation, which a worker's is."""
    return _("%(source)s: %(problem)s") % {"source": source, "problem": problems.said(problem)}


def _heard_again(silent: set[str]) -> set[str]:
    open_ones = Alarm.objects.filter(subject__startswith=f"{SILENT}:", closed_at=None)
    return set(open_ones.values_list("subject", flat=True)) - silent
