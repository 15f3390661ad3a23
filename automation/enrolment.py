"""Enrolment is a set operation: one INSERT ... SELECT, with re-entry, hold-out and the open-enrolment rule inside it.

Hold-outs are rows under the same rules, never advanced: both arms enter, stay and come back alike, so that they can be compared.
What a member went through before it was merged into another counts for the one that stands for it. Whom a merge holds is waited
for, and it waits for whom we enrol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from automation import arms, document
from automation.graph import Graph
from automation.models import Enrolment, Journey, JourneyVersion
from cdp import conditions
from cdp.profiling import judged
from config.ground import clock
from config.ground.cause import Cause


@dataclass(frozen=True)
class Enrolled:
    treated: int = 0
    held_out: int = 0


# In id order, so that two passes at once meet at one row and do not wait for each other in a ring.
_BEFORE = """SELECT FROM automation_enrolment e WHERE e.journey_id = %(journey)s AND e.member_id = {member}
             AND (e.closed_at IS NULL OR %(never)s OR e.enrolled_at > %(not_since)s::timestamptz)"""
_ENROL = """
WITH enrolled AS (
    INSERT INTO automation_enrolment
      (journey_id, version_id, member_id, cause, state, step, visit, due_at, enrolled_at, closes_at, reason)
    SELECT %(journey)s, %(version)s, m.id, m.cause,
           CASE WHEN held_out THEN 'held_out' ELSE 'open' END,
           CASE WHEN held_out THEN '' ELSE %(step)s END, 1,
           CASE WHEN NOT held_out THEN %(due_at)s::timestamptz END, %(as_of)s, %(closes_at)s, ''
    FROM (SELECT id, automation_unit(%(salt)s, id) < %(holdout)s AS held_out, {cause} AS cause
          FROM ({entry}) qualified (id) {own}
          WHERE %(among)s::bigint[] IS NULL OR id = ANY(%(among)s)) m
    JOIN cdp_member who ON who.id = m.id AND who.merged_into_id IS NULL AND {judged}
    WHERE NOT EXISTS ({of_this_one})
      AND NOT EXISTS (SELECT FROM cdp_member was WHERE was.merged_into_id = m.id AND EXISTS ({of_that_one}))
    ORDER BY m.id FOR SHARE OF who
    ON CONFLICT DO NOTHING
    RETURNING state)
SELECT count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'held_out') FROM enrolled
"""


# By one cause for all, or by one of each member's own.
_ONE = {"cause": "%(cause)s::uuid", "own": ""}
_EACH = {
    "cause": "own.cause",
    "own": "JOIN unnest(%(among)s::bigint[], %(causes)s::uuid[]) own (member, cause) ON own.member = id",
}


def enrol_each(version: JourneyVersion, *, causes: Mapping[int, Cause], as_of: datetime) -> Enrolled:
    """The same for members who come each by a cause of their own."""
    ids = [cause.id for cause in causes.values()]
    return _enrol(version, _EACH, {"among": list(causes), "causes": ids}, as_of=as_of)


def enrol(version: JourneyVersion, *, cause: Cause, as_of: datetime, among: Sequence[int] | None = None) -> Enrolled:
    """Enrol who qualifies as of an instant (of `among`, when given), once per cause. Nobody, when the journey is not live.

    An entry chooses by what is known, so whoever refuses to be judged by it is not enrolled, whatever the condition says.
    The share lock keeps the journey's state as it is until the enrolments are committed.
    """
    return _enrol(version, _ONE, {"among": None if among is None else list(among), "cause": cause.id}, as_of=as_of)


@transaction.atomic
def _enrol(version: JourneyVersion, by: dict[str, str], who: dict[str, Any], *, as_of: datetime) -> Enrolled:
    journey = Journey.objects.raw("SELECT * FROM automation_journey WHERE id = %s FOR SHARE", [version.journey_id])[0]
    if journey.state != Journey.State.LIVE:
        return Enrolled()
    close_due(journey.pk, now=as_of)
    graph = document.parse(version.document)
    tz = clock.zone()
    entry, params = _named(*conditions.matching(graph.entry, as_of=as_of).values("pk").query.sql_with_params())
    values = {
        "journey": journey.pk,
        "version": version.pk,
        "step": graph.steps[0].id,
        "due_at": graph.due(graph.steps[0].id, as_of),
        "as_of": as_of,
        "closes_at": graph.goal.after(as_of, tz),
        "salt": arms.salt(journey.key),
        "holdout": graph.holdout,
        **who,
        **_reentry(graph, as_of),
    }
    with connection.cursor() as cursor:
        before = {"of_this_one": _BEFORE.format(member="m.id"), "of_that_one": _BEFORE.format(member="was.id")}
        cursor.execute(_ENROL.format(entry=entry, judged=judged("who"), **by, **before), values | params)
        return Enrolled(*cursor.fetchone())


def _reentry(graph: Graph, as_of: datetime) -> dict[str, Any]:
    after = graph.reentry.after
    return {
        "never": graph.reentry.mode == "never",
        "not_since": after.before(as_of, clock.zone()) if after else None,
    }


def _named(sql: str, params: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """Django's positional parameters as named ones, so that they can stand inside a statement with names."""
    names = {f"entry_{n}": value for n, value in enumerate(params)}
    return sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in names), names


def close_due(journey: int | None = None, *, now: datetime) -> int:
    """Close what has taken its last step and whose goal window is over; hold-outs too."""
    over = Enrolment.objects.filter(closed_at=None, closes_at__lte=now).exclude(state=Enrolment.State.OPEN)
    if journey is not None:
        over = over.filter(journey=journey)
    with transaction.atomic():  # in id order: two that close at once wait for each other, never in a ring
        ids = list(over.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        return Enrolment.objects.filter(pk__in=ids).update(closed_at=now)


def leave(members: Sequence[int], *, now: datetime) -> int:
    """The running enrolments of members who are erased end here; a step that holds one is waited for. Returns how many."""
    with transaction.atomic():
        running = Enrolment.objects.filter(member__in=members, state=Enrolment.State.OPEN)
        ids = list(running.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        return Enrolment.objects.filter(pk__in=ids, state=Enrolment.State.OPEN).update(
            state=Enrolment.State.EXITED, reason="erased", due_at=None
        )
