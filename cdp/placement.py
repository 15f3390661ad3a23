"""Where a member stands on each axis, kept as beginnings with the reason. The rules are the glossary's (axes.py)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp import population
from cdp.axes import AXES, FACTS
from cdp.ingest import accept
from config.ground import clock
from config.ground.cause import Cause

_JUDGED = ", ".join(f"{axis.value} AS to_{axis.name}" for axis in AXES)
_CHANGES = ", ".join(axis.changes for axis in AXES)
_NAMES = ", ".join(axis.name for axis in AXES)
_TO = ", ".join(f"to_{axis.name}" for axis in AXES)
_BEGUN = " UNION ALL ".join(
    f"""SELECT member_id, '{axis.name}' AS axis, to_{axis.name} AS value, {axis.name} AS was,
               CASE to_{axis.name} WHEN '' THEN '{{"ended": "no_facts"}}'::jsonb ELSE {axis.why} END AS why
        FROM moved WHERE {axis.name} <> to_{axis.name}"""
    for axis in AXES
)
# One statement: judge, move the profile's columns, append the beginnings, answer who moved.
_PLACE = f"""
    WITH facts AS ({FACTS}),
    judged AS (SELECT *, {_JUDGED}, least(sums_end_at, least({_CHANGES})::timestamp AT TIME ZONE %(tz)s) AS to_change FROM facts),
    moved AS (
        UPDATE cdp_profile p SET ({_NAMES}) = ROW({_TO}), next_change_at = to_change, as_of = %(as_of)s
        FROM judged j WHERE p.member_id = j.member_id
            AND ({", ".join(f"j.{axis.name}" for axis in AXES)}, j.next_change_at) IS DISTINCT FROM ({_TO}, to_change)
        RETURNING j.*),
    begun AS ({_BEGUN}),
    kept AS (
        INSERT INTO cdp_placement (member_id, axis, value, since, why)
        SELECT member_id, axis, value, %(as_of)s, why FROM begun
        ON CONFLICT (member_id, axis, since) DO UPDATE SET value = excluded.value, why = excluded.why)
    SELECT member_id, axis, value, was FROM begun ORDER BY member_id, axis
"""


@transaction.atomic
def place(members: Sequence[int] | None, *, as_of: datetime, quiet: Collection[int] | None = ()) -> int:
    """Place these members (None: everybody). Each move is recorded as `stage.entered`, `value_tier.entered` or
    `mall_stage.entered`, except for `quiet` members (None: nobody is announced), whose history is only being loaded. Returns the
    number of moves.
    """
    run = population.current(as_of=as_of)
    asked = {
        "members": None if members is None else list(members),
        "as_of": as_of,
        "tz": str(clock.zone()),
        "middle_cut": run.middle_cut,
        "top_cut": run.top_cut,
    }
    thresholds = {
        f"{group}.{name}": value for group, terms in population.terms(run).items() for name, value in terms.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, thresholds | asked)
        moves: list[tuple[int, str, str, str]] = cursor.fetchall()
    if quiet is not None:
        told = [move for move in moves if move[0] not in quiet and move[2]]
        accept.record([_entered(*move, as_of) for move in told], now=as_of)
    return len(moves)


def _entered(member: int, axis: str, value: str, was: str, at: datetime) -> accept.Own:
    cause = Cause(f"placement:{axis}", f"{member}/{at.isoformat()}/{value}")
    return accept.Own(f"{axis}.entered", member, cause, at, {"value": value, "from": was})
