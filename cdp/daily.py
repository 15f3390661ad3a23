"""Once per brand day, at its local midnight: the population's figures, then everybody's profile and placement, then who is in
which segment. Whoever comes
second on the same day finds the day done. The figures commit first, since every pass of the day needs them; what is not kept
any longer goes last, by itself, and when that fails the next look tries again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from cdp import judging, placement, population, profiles, retention
from cdp.ingest import tables
from cdp.models import PopulationRun


def turn(*, now: datetime, quiet: bool = False) -> bool:
    """True when this call turned the day. `quiet` announces nobody: the first day of an installation that loads history."""
    tables.make_months([now, now + timedelta(days=31)])
    run = population.current(as_of=now)
    turned = _turn(run, now=now, quiet=quiet)
    if turned:  # when it fails, the next look at what is due does it
        judging.judge(now=now, quiet=quiet)
    today = PopulationRun.objects.filter(pk=run.pk)
    if today.filter(swept_at=None).update(swept_at=now) == 1:
        try:
            retention.sweep(now=now)
        except BaseException:
            today.update(swept_at=None)
            raise
    return turned


@transaction.atomic
def _turn(run: PopulationRun, *, now: datetime, quiet: bool) -> bool:
    if PopulationRun.objects.filter(pk=run.pk, turned_at=None).update(turned_at=now) != 1:
        return False  # somebody was faster
    recompute(as_of=now, quiet=quiet)
    return True


@transaction.atomic
def recompute(*, as_of: datetime, quiet: bool = False) -> tuple[int, int]:
    """Everybody, from all facts. Returns how many profiles were written and how many moves were made."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a full pass over millions outlasts an interactive limit
    written = profiles.refresh(None, as_of=as_of)
    return written, placement.place(None, as_of=as_of, quiet=None if quiet else ())


def turned_after(at: datetime) -> bool:
    return PopulationRun.objects.filter(turned_at__gt=at).exists()
