"""Who is in which segment and carries which rule's tag, as their conditions say. Judged level by level, since conditions ask for
segments and tags: of the members with news in the transaction that absorbs it, of everybody when a day turns, and every hour by
conditions that time alone changes.

Passes over the same members take turns: those over a few share a lock, a slice of everybody holds it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils.translation import gettext_noop

from cdp import definitions, tags
from cdp.conditions import parse
from cdp.conditions.sql import compile
from cdp.definitions import Defined
from cdp.errors import InvalidCondition
from cdp.ingest import accept
from cdp.models import Interest, Member, PopulationRun, Segment, TagRule
from config.ground import alarms, clock
from config.ground.cause import Cause

SLICE = 20_000  # member numbers of a slice: below a second each, so that news waits no longer
EVERY = timedelta(hours=1)
ENTERED, LEFT = "segment.entered", "segment.left"


@dataclass(frozen=True)
class These:
    members: Sequence[int]

    def asked(self) -> Q:
        return Q(pk__in=list(self.members))

    def sql(self) -> tuple[str, list[Any]]:
        return "member_id = ANY(%s)", [list(self.members)]


@dataclass(frozen=True)
class Between:
    """Numbers above `low`, up to `high`."""

    low: int
    high: int

    def asked(self) -> Q:
        return Q(pk__gt=self.low, pk__lte=self.high)

    def sql(self) -> tuple[str, list[Any]]:
        return "member_id > %s AND member_id <= %s", [self.low, self.high]


Among = These | Between


class Move(NamedTuple):
    member: int
    segment: int
    entered: bool


# {should}: definition and member, for whoever fulfils it; {among}: of whom.
_SEGMENTS = """
    WITH should AS MATERIALIZED ({should}),
    gone AS (
        DELETE FROM cdp_segmentmember s WHERE segment_id = ANY(%s) AND {among} AND NOT EXISTS (
            SELECT FROM should WHERE should.definition = s.segment_id AND should.member_id = s.member_id)
        RETURNING member_id, segment_id),
    come AS (
        INSERT INTO cdp_segmentmember (segment_id, member_id, since)
        SELECT definition, member_id, %s FROM should WHERE NOT EXISTS (
            SELECT FROM cdp_segmentmember s WHERE s.segment_id = should.definition AND s.member_id = should.member_id)
        ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING member_id, segment_id)
    SELECT member_id, segment_id, false FROM gone UNION ALL SELECT member_id, segment_id, true FROM come ORDER BY 1, 2
"""
# What somebody else gave is theirs, and left alone until it expires.
_TAGS = """
    WITH should AS MATERIALIZED ({should}),
    gone AS (
        DELETE FROM cdp_membertag t WHERE tag_id = ANY(%s) AND {among} AND origin = '{rule}' AND NOT EXISTS (
            SELECT FROM should WHERE should.definition = t.tag_id AND should.member_id = t.member_id)
        RETURNING member_id),
    come AS (
        INSERT INTO cdp_membertag AS old (member_id, tag_id, since, origin)
        SELECT member_id, definition, %s, '{rule}' FROM should WHERE NOT EXISTS (
            SELECT FROM cdp_membertag t WHERE t.tag_id = should.definition AND t.member_id = should.member_id
                AND (t.expires_at IS NULL OR t.expires_at > %s))
        ORDER BY 1, 2
        ON CONFLICT (member_id, tag_id) DO UPDATE SET since = excluded.since, expires_at = NULL, source_id = NULL,
            origin = excluded.origin, cause = NULL WHERE old.expires_at <= excluded.since
        RETURNING member_id)
    SELECT member_id FROM gone UNION SELECT member_id FROM come
"""


def refresh(members: Sequence[int], *, as_of: datetime, quiet: Collection[int] = ()) -> None:
    """Judge these members by everything, in the transaction that changed what is known of them."""
    known = definitions.all_of_them()
    if not known or not members:
        return
    _take_turn(alone=False)
    for _level, group in groupby(known, key=lambda one: one.level):
        _announce(_judge(list(group), These(members), as_of, now=as_of), quiet, at=as_of)


def judge(*, now: datetime, quiet: bool = False, everything: bool = False) -> int:
    """Judge everybody by what is due: what was saved, or not looked at since the day turned or (where time alone changes it) for
    an hour; and what asks for one of these. Returns how many definitions. Who comes while another pass runs, finds nothing due.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('cdp_judging_everybody'))")
        if not cursor.fetchone()[0]:
            return 0
    try:
        return _judge_everybody(definitions.all_of_them() if everything else _due(now), now, quiet)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('cdp_judging_everybody'))")


def _due(now: datetime) -> list[Defined]:
    turned = PopulationRun.objects.aggregate(at=Max("turned_at"))["at"]
    due: dict[str, Defined] = {}
    for one in definitions.all_of_them():
        old = one.judged_at is None or (one.timed and one.judged_at <= now - EVERY)
        if old or (turned and one.judged_at < turned <= now) or due.keys() & set(one.needs):
            due[definitions.name(one)] = one
    return list(due.values())


def _judge_everybody(due: Sequence[Defined], now: datetime, quiet: bool) -> int:
    if not due:
        return 0
    top = Member.objects.aggregate(top=Max("pk"))["top"] or 0
    for low in range(0, top, SLICE):
        with transaction.atomic():
            _take_turn(alone=True)
            for one in due:
                moves = _judge([one], Between(low, low + SLICE), now, now=now)
                if not quiet and one.judged_at is not None:  # of who fulfils a new condition nobody is told
                    _announce(moves, (), at=now)
    for one in due:
        same = type(one)._default_manager.filter(pk=one.pk)
        if one.condition is not None:
            same = same.filter(condition=one.condition)  # or it was saved meanwhile, and waits
        same.update(judged_at=now)
    count([one.pk for one in due if isinstance(one, Segment)], now=now)
    return len(due)


def _take_turn(*, alone: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(hashtext('cdp_judging'))")


def _judge(group: Sequence[Defined], among: Among, as_of: datetime, *, now: datetime) -> list[Move]:
    """None of the group asks for another of it."""
    segments = {one.pk: one for one in group if isinstance(one, Segment) and one.condition is not None}
    rules = {one.tag_id: one for one in group if isinstance(one, TagRule)}
    if moved := _written(_TAGS, rules, among, as_of, again=2, now=now):
        tags.project([row[0] for row in moved], as_of=as_of)
    return [Move(*row) for row in _written(_SEGMENTS, segments, among, as_of, again=1, now=now)]


def _written(
    sql: str, group: dict[int, Any], among: Among, as_of: datetime, *, again: int, now: datetime
) -> list[tuple[Any, ...]]:
    """`again`: how often the statement says the instant."""
    asked = {key: found for key, one in group.items() if (found := _asked(one, among, as_of, now=now))}
    if not asked:
        return []
    should = " UNION ALL ".join(
        f"SELECT {int(key)}::bigint AS definition, member_id FROM ({part}) d{int(key)} (member_id)"
        for key, (part, _params) in asked.items()
    )
    where, of_whom = among.sql()
    given = [param for _part, params in asked.values() for param in params]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.format(should=should, among=where, rule=tags.RULE), [*given, list(asked), *of_whom, *[as_of] * again]
        )
        return cursor.fetchall()


def _asked(one: Defined, among: Among, as_of: datetime, *, now: datetime) -> tuple[str, tuple[Any, ...]] | None:
    """The statement that finds who fulfils it. None: its condition cannot be read any longer, and whoever is in stays."""
    try:
        node = parse(one.condition)
    except InvalidCondition as error:
        alarms.ring(
            f"definition:{definitions.name(one)}",
            gettext_noop("the condition of %(name)s cannot be read any longer: %(faults)s"),
            now=now,
            name=definitions.name(one),
            faults=str(error),
        )
        return None
    standing = Member.objects.filter(among.asked(), merged_into=None, erased_at=None)
    return standing.filter(compile(node, as_of=as_of)).values("pk").query.sql_with_params()


def _announce(moves: Sequence[Move], quiet: Collection[int], *, at: datetime) -> None:
    """Recorded as events where somebody listens."""
    if not (moves := [move for move in moves if move.member not in quiet]):
        return
    heard = set(Interest.objects.filter(kind__in=(ENTERED, LEFT)).values_list("kind", flat=True))
    if heard:
        keys = dict(Segment.objects.values_list("pk", "key"))
        accept.record(list(_events(moves, heard, keys, at)), now=at)


def _events(moves: Sequence[Move], heard: set[str], keys: dict[int, str], at: datetime) -> Iterator[accept.Own]:
    for move in moves:
        kind = ENTERED if move.entered else LEFT
        if kind in heard:
            cause = Cause(f"segment:{keys[move.segment]}", f"{move.member}/{at.isoformat()}/{kind}")
            yield accept.Own(kind, move.member, cause, at, {"segment": keys[move.segment]})


_COUNT = """
    WITH counted AS (
        SELECT s.id, count(m.id) AS members FROM cdp_segment s
        LEFT JOIN cdp_segmentmember b ON b.segment_id = s.id
        LEFT JOIN cdp_member m ON m.id = b.member_id AND m.merged_into_id IS NULL
        WHERE s.id = ANY(%(segments)s) GROUP BY s.id ORDER BY s.id),
    kept AS (
        INSERT INTO cdp_segmentsize (segment_id, day, members) SELECT id, %(day)s, members FROM counted
        ON CONFLICT (segment_id, day) DO UPDATE SET members = excluded.members)
    UPDATE cdp_segment s SET members = counted.members FROM counted WHERE counted.id = s.id
"""


def count(segments: Sequence[int], *, now: datetime) -> None:
    """Note their sizes as the day's."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"segments": list(segments), "day": clock.local_day(now, clock.zone())})
