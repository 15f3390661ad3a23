"""The figures of every source, put together from one statement a family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from cdp.ingest.rows import TYPES
from cdp.ingest.said import fields_of
from cdp.models import Source
from cdp.quality import problems, statements
from cdp.quality.days import Came, Span, ask, by_day, silences, span, today, volumes
from cdp.quality.definitions import definitions
from cdp.quality.problems import Silence
from cdp.quality.shapes import (
    Ages,
    Completeness,
    Lag,
    Members,
    OfSource,
    Quality,
    Refusals,
    RejectedDay,
    Share,
    Shared,
    Validity,
    Volume,
    Waiting,
    share,
)

DAYS, LONGEST = 30, 366
MANY = 50  # attributes and properties that are shown, the most frequent
EVERYBODY = 0  # no source has this number


def measure(*, as_of: datetime, days: int = DAYS, source: str | None = None) -> Quality:
    """All figures of the last `days` brand days, today among them. Raises UnknownSource. Parked rows and what is known of members
    are as they stand; all else is as it was known at `as_of`.
    """
    over = span(days=days, source=source, as_of=as_of)
    with transaction.atomic():
        came = volumes(over)
        heard = silences(over)
        said, rejected = _by_source(ask(statements.SAID, over)), _by_source(ask(statements.REJECTED, over))
        lags, orphans = _by_source(ask(statements.LAG, over)), _by_source(ask(statements.ORPHANS, over))
        parked, members = _by_source(ask(statements.PARKED, over)), _by_source(ask(statements.MEMBERS, over))
    return Quality(
        as_of=as_of,
        days=days,
        first=over.first,
        last=over.last,
        definitions=definitions(),
        sources=[
            _of_source(
                source,
                over,
                came=came[pk],
                heard=heard[pk],
                said=said[pk],
                rejected=rejected[pk],
                lags=lags[pk],
                orphans=orphans[pk],
                parked=[_waiting(row) for row in parked[pk]],
                members=_members(members[pk]),
            )
            for pk, source in over.sources.items()
        ],
        newcomers=_members(members[EVERYBODY]) if over.newcomers else None,
    )


def _of_source(
    source: Source,
    over: Span,
    *,
    came: Mapping[str, Came],
    heard: Sequence[Silence],
    said: Sequence[Any],
    rejected: Sequence[Any],
    lags: Sequence[Any],
    orphans: Sequence[Any],
    parked: list[Waiting],
    members: Members,
) -> OfSource:
    volume = by_day(came, over)
    recent = over.last - timedelta(days=problems.RECENT)
    return OfSource(
        source=source.code,
        name=source.name,
        last_at=max((one.last_at for one in came.values() if one.last_at), default=None),
        today=today(came.values(), over),
        volume=volume,
        completeness=_completeness(said),
        timeliness=[Lag(kind, rows, p50, p90, p99, longest) for kind, rows, (p50, p90, p99), longest in lags],
        validity=[_validity(one, [row[1:] for row in rejected if row[0] == one.kind]) for one in volume if one.calls],
        duplicates=[share(one.kind, one.duplicates, one.rows) for one in volume if one.rows],
        orphans=[share(*row) for row in orphans],
        parked=parked,
        members=members,
        problems=[
            *problems.drops(volume, since=recent),
            *problems.silences(heard, as_of=over.as_of),
            *problems.late(parked),
            *problems.rejections(volume, since=recent),
        ],
    )


def _completeness(said: Sequence[tuple[str, str, int]]) -> list[Completeness]:
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, name, rows in said:
        counted[kind][name] = rows
    return [Completeness(kind, of[""], _fields(kind, of)) for kind, of in counted.items()]


def _fields(kind: str, of: dict[str, int]) -> list[Share]:
    """A row's own fields whether anybody says them or not; then identities, attributes, and properties by type."""
    own = list(fields_of(TYPES[kind])) if kind in TYPES else []
    spread = [name for name in of if ":" in name and not name.startswith("type:")]
    names = own + [name for name in spread if name.startswith("identity:")]
    names += [name for name in spread if name.startswith("attribute:")][:MANY]
    names += [name for name in spread if name.startswith("property:")][:MANY]
    return [share(name, of.get(name, 0), _rows_that_might(name, of)) for name in names]


def _rows_that_might(name: str, of: Mapping[str, int]) -> int:
    if not name.startswith("property:"):
        return of[""]
    return of.get(f"type:{name.split(':')[1]}", 0) or of[""]


def _validity(volume: Volume, rejected: Sequence[tuple[date, str, str, int]]) -> Validity:
    codes: dict[str, int] = defaultdict(int)
    refusals: dict[str, int] = defaultdict(int)
    for _day, what, code, number in rejected:
        (codes if what == "row" else refusals)[code] += number
    return Validity(
        volume.kind,
        share("rejected", volume.rejected, volume.rows),
        [share(code, rows, volume.rows) for code, rows in _most_first(codes)],
        [Refusals(code, calls) for code, calls in _most_first(refusals)],
        [RejectedDay(day, code, rows) for day, what, code, rows in rejected if what == "row"],
    )


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _waiting(row: Sequence[Any]) -> Waiting:
    kind, why, rows, late, oldest, *ages = row
    return Waiting(kind, why, rows, late, oldest, Ages(*ages))


def _members(rows: Sequence[tuple[str, str, int]]) -> Members:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for what, key, members in rows:
        found[what][key] = members
    total = sum(found["identities"].values())
    labels = {"0": "0", "1": "1", "2": "2", "3": "3+"}
    return Members(
        total,
        [share(label, found["identities"].get(key, 0), total) for key, label in labels.items()] if total else [],
        found["most"].get("", 0),
        [share(kind, members, total) for kind, members in found["kind"].items()],
        [
            Shared(kind, identities, found["most_shared"][kind], found["weak"][kind])
            for kind, identities in found["shared"].items()
        ],
        [share(name, members, total) for name, members in list(found["attribute"].items())[:MANY]],
    )


def _by_source(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for source, *rest in rows:
        found[source].append(tuple(rest))
    return found
