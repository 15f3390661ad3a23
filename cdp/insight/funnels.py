"""How far members come: from one purchase to the next, and along a path of acts such as browse, cart, order, with where they
break off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from msgspec import Struct

from cdp.errors import InvalidPath
from cdp.insight.basis import ask
from cdp.insight.histogram import QUARTILES, RANGE, Quartiles, Range, ranges
from cdp.insight.whom import EVERYBODY, Whom

WITHIN = (30, 60, 90)  # days
PURCHASES = 6  # how many steps of repurchase are told apart
PATH = ("browse", "cart_add", "order")
ORDER = "order"
LONGEST_PATH, LONGEST_DAYS, DAYS = 6, 366, 30

# (what, number, members, of members, quartiles). A first purchase counts for N days once it has N days behind it.
_SECONDS = f""",
    numbered AS (
        SELECT member_id, day, row_number() OVER (PARTITION BY member_id ORDER BY day) AS number
        FROM days JOIN whom USING (member_id)),
    pairs AS (
        SELECT max(number) AS purchases, max(day) FILTER (WHERE number = 1) AS first, max(day) FILTER (WHERE number = 2) AS second
        FROM numbered GROUP BY member_id),
    waited AS (
        SELECT purchases, second - first AS days, (%(as_of)s AT TIME ZONE %(tz)s)::date - first AS behind FROM pairs)
    SELECT 'purchases', n, count(*), NULL::bigint, NULL::int[]
    FROM waited JOIN generate_series(1, %(most)s) n ON purchases >= n GROUP BY n
    UNION ALL SELECT 'within', n, count(*) FILTER (WHERE days <= n), count(*), NULL
              FROM waited JOIN unnest(%(within)s::int[]) n ON behind >= n GROUP BY n
    UNION ALL SELECT 'between', {RANGE}, count(*), NULL, NULL FROM waited WHERE days IS NOT NULL GROUP BY 2
    UNION ALL SELECT 'quartiles', 0, count(days), NULL, percentile_disc(%(quartiles)s::float[]) WITHIN GROUP (ORDER BY days)
              FROM waited
"""


class Reached(Struct, frozen=True):
    """Members with at least so many purchase days."""

    purchases: int
    members: int


class Within(Struct, frozen=True):
    """Second purchase day within `days` of the first / first purchases that have so many days behind them."""

    days: int
    numerator: int
    denominator: int
    share: float | None


class SecondPurchase(Struct, frozen=True):
    """`between`: days from the first purchase day to the second."""

    steps: list[Reached]
    within: list[Within]
    between: list[Range]
    quartiles: Quartiles


def second_purchase(whom: Whom = EVERYBODY, *, as_of: datetime) -> SecondPurchase:
    given = {"most": PURCHASES, "within": list(WITHIN), "quartiles": list(QUARTILES)}
    found: dict[str, dict[int, tuple[Any, ...]]] = defaultdict(dict)
    for what, number, *rest in ask(_SECONDS, {"whom": whom}, as_of=as_of, given=given):
        found[what][number] = tuple(rest)
    return SecondPurchase(
        steps=[Reached(n, found["purchases"].get(n, (0,))[0]) for n in range(1, PURCHASES + 1)],
        within=[_within(n, *found["within"].get(n, (0, 0))[:2]) for n in WITHIN],
        between=ranges({n: rest[0] for n, rest in found["between"].items()}),
        quartiles=Quartiles(*(found["quartiles"][0][2] or (None, None, None))),
    )


def _within(days: int, numerator: int, denominator: int) -> Within:
    return Within(days, numerator, denominator, numerator / denominator if denominator else None)


class Step(Struct, frozen=True):
    """`members` did all the steps up to this one, in order, in the window. `kept`: of those of the step before. `quartiles`:
    seconds since the step before.
    """

    step: str
    members: int
    kept: float | None
    quartiles: Quartiles


class Path(Struct, frozen=True):
    """Days up to the instant, exact. `skipped`: did the last step after the first, but not every one between. `breaks_at`: the
    step before which most are lost.
    """

    days: int
    steps: list[Step]
    skipped: int
    breaks_at: str | None


def path(whom: Whom = EVERYBODY, *, steps: Sequence[str] = PATH, days: int = DAYS, as_of: datetime) -> Path:
    """`steps` are kinds of events, or `order`: a purchase. Each is the first after the one before it, or at the same instant.
    Raises InvalidPath.
    """
    _check(steps, days)
    given = {"since": as_of - timedelta(days=days), "steps": list(steps), "quartiles": list(QUARTILES)}
    rows = {number: rest for number, *rest in ask(_path(len(steps)), {"whom": whom}, as_of=as_of, given=given)}
    skipped = rows.pop(0)[0]
    found: list[Step] = []
    for number, step in enumerate(steps, 1):
        members, quartiles = rows[number]
        before = found[-1].members if found else 0
        kept = members / before if before else None
        found.append(Step(step, members, kept, Quartiles(*(quartiles or (None, None, None)))))
    lost = [(one.members - after.members, after.step) for one, after in pairwise(found)]
    worst = max(lost, key=lambda pair: pair[0])
    return Path(days, found, skipped, worst[1] if worst[0] else None)


def _check(steps: Sequence[str], days: int) -> None:
    if not 2 <= len(steps) <= LONGEST_PATH or len(set(steps)) < len(steps) or not all(steps):
        raise InvalidPath("steps", _("a path has 2 to %(most)d different steps") % {"most": LONGEST_PATH})
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidPath("days", _("a number of days from 1 to %(most)d") % {"most": LONGEST_DAYS})


def _path(length: int) -> str:
    """One query a step over what was done, then a row for each: (number, members, quartiles of seconds); 0 is who skipped."""
    chain = [
        "step_1 AS (SELECT member_id, min(at) AS at, NULL::timestamptz AS before FROM acts WHERE number = 1 GROUP BY member_id)"
    ]
    for n in range(2, length + 1):
        chain.append(
            f"""step_{n} AS (SELECT member_id, min(a.at) AS at, b.at AS before FROM step_{n - 1} b JOIN acts a USING (member_id)
                WHERE number = {n} AND a.at >= b.at GROUP BY member_id, b.at)"""
        )
    told = [
        f"""SELECT {n}, count(*), percentile_disc(%(quartiles)s::float[])
                   WITHIN GROUP (ORDER BY extract(epoch FROM at - before)::bigint) FROM step_{n}"""
        for n in range(1, length + 1)
    ]
    return f""",
        acts AS (
            SELECT e.member_id, array_position(%(steps)s::text[], e.type::text) AS number, e.occurred_at AS at
            FROM cdp_event e JOIN whom USING (member_id)
            WHERE e.type = ANY(%(steps)s) AND e.occurred_at > %(since)s AND e.occurred_at <= %(as_of)s
            UNION ALL
            SELECT member_id, array_position(%(steps)s::text[], '{ORDER}'), placed_at
            FROM bought JOIN whom USING (member_id)
            WHERE placed_at > %(since)s AND '{ORDER}' = ANY(%(steps)s::text[])),
        {", ".join(chain)}
        SELECT 0, count(DISTINCT a.member_id), NULL FROM step_1 f JOIN acts a USING (member_id)
        WHERE a.number = {length} AND a.at >= f.at AND NOT EXISTS (SELECT FROM step_{length} s WHERE s.member_id = f.member_id)
        UNION ALL {" UNION ALL ".join(told)}
    """
