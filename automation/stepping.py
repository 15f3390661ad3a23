"""One step of a set of enrolments: who leaves first, then the step itself, then where each goes. All in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from automation.action import ACTIONS, Did, Turn
from automation.errors import StepBroken
from automation.graph import END, Act, Branch, End, Graph, Wait
from automation.models import Enrolment
from cdp import conditions
from cdp.features.net import purchases
from cdp.profiling import judged
from config.ground import clock
from config.ground.cause import Cause

State = Enrolment.State
Way = tuple[Turn, Did, str]  # (whose turn, what happened, where next)

# The journey is locked too, so that once a pause is committed nobody moves any more.
_LOCK = """
    SELECT e.id, e.member_id, e.visit, e.due_at FROM automation_enrolment e
    JOIN automation_journey j ON j.id = e.journey_id
    WHERE e.version_id = %(version)s AND e.step = %(step)s AND e.state = 'open' AND e.due_at <= %(now)s
      AND j.state IN ('live', 'drained') AND (%(among)s::bigint[] IS NULL OR e.id = ANY(%(among)s))
    ORDER BY e.due_at, e.id LIMIT %(limit)s
    FOR NO KEY UPDATE OF e SKIP LOCKED FOR SHARE OF j
"""
# The goal: an order after the enrolment and within its window, which was not given back.
_MET = f"""
    SELECT e.id FROM automation_enrolment e WHERE e.id = ANY(%(ids)s) AND EXISTS (
        SELECT FROM {purchases("%(now)s")} o WHERE o.member_id = e.member_id AND o.placed_at > e.enrolled_at
        AND o.placed_at <= least(e.closes_at, %(now)s))
"""
_RUNS = """
    INSERT INTO automation_steprun (enrolment_id, step, visit, at, outcome, message)
    SELECT enrolment, %s, visit, %s, outcome, message
    FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::uuid[]) AS r (enrolment, visit, outcome, message)
"""
_LEAVE = "UPDATE automation_enrolment SET state = %s, reason = %s, due_at = NULL WHERE id = ANY(%s)"
_MOVE = """
    UPDATE automation_enrolment e SET step = %(step)s, due_at = %(due)s, visit =
        1 + (SELECT count(*) FROM automation_steprun r WHERE r.enrolment_id = e.id AND r.step = %(step)s)
    WHERE e.id = ANY(%(ids)s)
"""


@dataclass(frozen=True)
class Stage:
    """Where the set stands, and on whose account it acts."""

    version: int
    origin: str
    graph: Graph
    step: str


def lock(stage: Stage, among: list[int] | None, limit: int, *, now: datetime) -> list[Turn]:
    """Those whose turn it is; not those whom somebody else holds."""
    values = {"version": stage.version, "step": stage.step, "among": among, "limit": limit, "now": now}
    return [
        Turn(id, member, visit, due_at, Cause(stage.origin, f"{id}/{stage.step}/{visit}"))
        for id, member, visit, due_at in _query(_LOCK, values)
    ]


def take(stage: Stage, turns: Sequence[Turn], *, now: datetime) -> None:
    """Exits are asked before every step; who is left takes it."""
    graph = stage.graph
    if turns:  # who refused since, or was erased in the moment of being enrolled
        turns = _leave(turns, _not_judged(turns), State.EXITED, "not_judged")
    if turns and graph.goal_exits:
        met = {id for (id,) in _query(_MET, {"ids": [turn.enrolment for turn in turns], "now": now})}
        turns = _leave(turns, {turn.member for turn in turns if turn.enrolment in met}, State.DONE, "goal")
    if turns and graph.exit:
        turns = _leave(turns, _fulfilling(graph.exit, turns, now), State.EXITED, "exit")
    if turns:
        _write(stage, _go(stage, turns, now), now)


def _leave(turns: Sequence[Turn], members: set[int], state: str, reason: str) -> Sequence[Turn]:
    if members:
        _query(_LEAVE, [state, reason, [turn.enrolment for turn in turns if turn.member in members]])
    return [turn for turn in turns if turn.member not in members]


def _not_judged(turns: Sequence[Turn]) -> set[int]:
    asked = f"SELECT m.id FROM cdp_member m WHERE m.id = ANY(%s) AND NOT {judged('m')}"
    return {id for (id,) in _query(asked, [[turn.member for turn in turns]])}


def _fulfilling(tree: dict[str, Any], turns: Sequence[Turn], now: datetime) -> set[int]:
    """Which members fulfil a condition. An enrolment is its member here: nobody is twice in one journey."""
    sql, params = conditions.matching(tree, as_of=now).values("pk").query.sql_with_params()
    wanted = [turn.member for turn in turns]
    return {id for (id,) in _query(f"SELECT id FROM ({sql}) m (id) WHERE id = ANY(%s)", [*params, wanted])}


def _go(stage: Stage, turns: Sequence[Turn], now: datetime) -> list[Way]:
    match stage.graph.by_id[stage.step]:
        case Wait() as wait:
            return _waited(wait, turns, now)
        case Act() as act:
            action = ACTIONS.get(act.do)
            try:
                done = action.run(act.params, turns, now=now)
            except action.broken_by as error:
                raise StepBroken(str(error)) from error
            return [(turn, did, act.next) for turn, did in zip(turns, done, strict=True)]
        case Branch() as branch:
            return _branched(branch, turns, now)
        case End():
            return [(turn, Did("ended"), END) for turn in turns]


def _waited(wait: Wait, turns: Sequence[Turn], now: datetime) -> list[Way]:
    """After an outage, who is later than the step allows takes the way that is declared for it."""
    since = wait.late_ok.before(now, clock.zone()) if wait.late_ok else None
    late_way = wait.id if wait.late == "next_window" else wait.late
    return [
        (turn, Did("late"), late_way) if since and turn.due_at < since else (turn, Did("waited"), wait.next)
        for turn in turns
    ]


def _branched(branch: Branch, turns: Sequence[Turn], now: datetime) -> list[Way]:
    went: list[Way] = []
    for when, target in branch.arms:
        members = _fulfilling(when, turns, now) if turns else set()
        went += [(turn, Did(target), target) for turn in turns if turn.member in members]
        turns = [turn for turn in turns if turn.member not in members]
    return went + [(turn, Did(branch.other), branch.other) for turn in turns]


def _write(stage: Stage, went: Sequence[Way], now: datetime) -> None:
    _query(
        _RUNS,
        [
            stage.step,
            now,
            [turn.enrolment for turn, _did, _target in went],
            [turn.visit for turn, _did, _target in went],
            [did.outcome for _turn, did, _target in went],
            [did.message for _turn, did, _target in went],
        ],
    )
    for target in sorted({target for _turn, _did, target in went}):
        ids = [turn.enrolment for turn, _did, way in went if way == target]
        if target == END:
            _query(_LEAVE, [State.DONE, "", ids])
        else:
            _query(_MOVE, {"step": target, "due": _due(stage, target, now), "ids": ids})


def _due(stage: Stage, target: str, now: datetime) -> datetime:
    step = stage.graph.by_id[target]
    if target == stage.step and isinstance(step, Wait) and step.until:  # the next window of the same wait
        return step.until.next(now, stage.graph.zone)
    return stage.graph.due(target, now)


def _query(sql: str, params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []
