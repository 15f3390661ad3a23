"""Which days and sources are looked at, and what the log says of them day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any

from django.db import connection

from cdp.errors import UnknownSource
from cdp.ingest.accept import OWN
from cdp.models import Source
from cdp.quality import statements
from cdp.quality.problems import Silence
from cdp.quality.shapes import Today, Volume, VolumeDay
from cdp.quality.usual import WEEKS, usual
from config.ground import clock


@dataclass(frozen=True)
class Span:
    """The days that are looked at, and the sources by number."""

    sources: Mapping[int, Source]
    first: date
    last: date
    as_of: datetime
    newcomers: bool

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What the statements are given."""
        tz = clock.zone()
        return {
            "sources": list(self.sources),
            "start": clock.midnight(self.first, tz),
            "before": clock.midnight(self.first - timedelta(weeks=WEEKS), tz),
            "as_of": self.as_of,
            "tz": str(tz),
            "newcomers": self.newcomers,
        }


@dataclass
class Came:
    """What the log says of one kind of one source, day by day; `until_now`: of each day as much as had come by this hour."""

    days: dict[date, Sequence[int]] = field(default_factory=dict)  # calls, refused, rows, stored, duplicates, rejected
    fresh: dict[date, int] = field(default_factory=dict)  # stored and no history
    until_now: dict[date, int] = field(default_factory=dict)
    last_at: datetime | None = None

    @property
    def since(self) -> date:
        return min((day for day, rows in self.fresh.items() if rows), default=date.max)


def span(*, days: int, source: str | None, as_of: datetime) -> Span:
    """Raises UnknownSource."""
    found = Source.objects.exclude(code=OWN).order_by("code")
    chosen = {s.pk: s for s in found if source in (None, s.code)}
    if source is not None and not chosen:
        raise UnknownSource(source)
    last = clock.local_day(as_of, clock.zone())
    return Span(chosen, last - timedelta(days=days - 1), last, as_of, newcomers=source is None)


def volumes(over: Span) -> dict[int, dict[str, Came]]:
    found: dict[int, dict[str, Came]] = defaultdict(lambda: defaultdict(Came))
    for source, kind, day, *counts, fresh, until_now, last_at in ask(statements.VOLUME, over):
        came = found[source][kind]
        came.days[day], came.fresh[day], came.until_now[day], came.last_at = counts, fresh, until_now, last_at
    return found


def silences(over: Span) -> dict[int, list[Silence]]:
    return defaultdict(list, {
        source: [Silence(*row[1:]) for row in rows]
        for source, rows in groupby(ask(statements.SILENCE, over), key=lambda row: row[0])
    })  # fmt: skip


def by_day(came: Mapping[str, Came], over: Span) -> list[Volume]:
    """A kind that is no more is there with its empty days: that is what there is to see."""
    return [_volume(kind, one, over) for kind, one in came.items()]


def _volume(kind: str, came: Came, over: Span) -> Volume:
    days = []
    for day in over.days:
        _calls, _refused, rows, accepted, duplicates, rejected = came.days.get(day, (0,) * 6)
        fresh = came.fresh.get(day, 0)
        common = usual(came.fresh, day, since=came.since)
        dropped = day < over.last and common is not None and common.dropped(fresh)
        middle = common.rows if common else None
        days.append(VolumeDay(day, rows, accepted, duplicates, rejected, accepted - fresh, middle, dropped))
    calls, refused = (sum(came.days[day][n] for day in came.days if day >= over.first) for n in (0, 1))
    rows, accepted, duplicates, rejected = (
        sum(getattr(day, name) for day in days) for name in ("rows", "accepted", "duplicates", "rejected")
    )
    return Volume(kind, calls, refused, rows, accepted, duplicates, rejected, days)


def today(came: Iterable[Came], over: Span) -> Today:
    came = list(came)
    common = [found.rows for one in came if (found := usual(one.until_now, over.last, since=one.since))]
    return Today(sum(one.fresh.get(over.last, 0) for one in came), sum(common) if common else None)


def ask(statement: str, over: Span) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, over.asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
