"""Once per brand day, at its local midnight: the population's figures, then the profile and placement of those whom the new day
moves, then who is in which segment. Whoever comes second on the same day finds the day done. The figures commit first, since
every pass of the day needs them; what is not kept any longer goes last, by itself, and when that fails the next look tries again.

Members with news are absorbed as it comes. Time alone moves those whose instant has come, and new cut points move those between
the old ones and the new. Everybody is computed anew when more than a quarter would be touched, or when what everybody is judged
by is another: the base interval, or the brand's thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from cdp import judging, placement, population, profiles, retention
from cdp.features import families
from cdp.features.family import Family
from cdp.ingest import tables
from cdp.models import PopulationRun, Profile

PART = 0.25  # of all profiles: above that, one pass over everybody is cheaper


@dataclass(frozen=True)
class Passed:
    touched: int | None  # members looked at; None: everybody
    written: int  # profiles that changed
    moved: int  # placements begun


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
    renew(as_of=now, quiet=quiet)
    return True


@transaction.atomic
def renew(*, as_of: datetime, quiet: bool = False) -> Passed:
    """Those whom time and the day's figures move: the same rows as everybody from all facts would give."""
    run = population.current(as_of=as_of)
    before = PopulationRun.objects.filter(day__lt=run.day, turned_at__isnull=False).exclude(terms={})
    if not before.exists():  # the first day of an installation, or of one that knew less
        return recompute(as_of=as_of, quiet=quiet)
    return _pass(_due(run, as_of), (), as_of, quiet)  # neither time nor a figure of the day moves the families beside


@transaction.atomic
def catch_due(*, now: datetime) -> Passed:
    """Within a day: whose instant has come since, as a tag that ended."""
    due = list(Profile.objects.filter(next_change_at__lte=now).order_by("pk").values_list("pk", flat=True))
    if not due:
        return Passed(0, 0, 0)
    passed = _pass(due, (), now, quiet=False)
    judging.refresh(due, as_of=now)
    return passed


@transaction.atomic
def recompute(*, as_of: datetime, quiet: bool = False) -> Passed:
    """Everybody, from all facts."""
    return _pass(None, families.BESIDE, as_of, quiet)


def _pass(members: Sequence[int] | None, beside: Iterable[Family], as_of: datetime, quiet: bool) -> Passed:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a pass over millions outlasts an interactive limit
    written = profiles.refresh(members, as_of=as_of, beside=beside)
    moved = placement.place(members, as_of=as_of, quiet=None if quiet else ())
    return Passed(None if members is None else len(members), written, moved)


# %(low)s, %(high)s: ranges of net amounts in which a cut point moved, from .. below.
_DUE = """
    SELECT member_id FROM cdp_profile WHERE next_change_at <= %(as_of)s
    UNION SELECT member_id FROM cdp_profile p
    JOIN unnest(%(low)s::bigint[], %(high)s::bigint[]) AS cut (low, high) ON p.amount_365 >= cut.low AND p.amount_365 < cut.high
    ORDER BY 1
"""
_MOST = 2**63 - 1  # where there is no cut point, no amount reaches it


def _due(run: PopulationRun, as_of: datetime) -> list[int] | None:
    """None: everybody. Whoever was touched since the last turn stands by the figures of some day since then."""
    turned = PopulationRun.objects.filter(day__lt=run.day, turned_at__isnull=False).order_by("-day").first()
    if turned is None:
        return None
    since = [*PopulationRun.objects.filter(day__gte=turned.day, day__lte=run.day)]
    if any((other.base_interval, other.terms) != (run.base_interval, run.terms) for other in since) or not run.terms:
        return None
    cuts = [[_MOST if cut is None else cut for cut in column] for column in zip(*map(_cuts, since), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"as_of": as_of, "low": [min(c) for c in cuts], "high": [max(c) for c in cuts]})
        due = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT count(*) FROM cdp_profile")
        (everybody,) = cursor.fetchone()
    return due if len(due) <= PART * everybody else None


def _cuts(run: PopulationRun) -> tuple[int | None, int | None]:
    return run.middle_cut, run.top_cut


def turned_after(at: datetime) -> bool:
    return PopulationRun.objects.filter(turned_at__gt=at).exists()
