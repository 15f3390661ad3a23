"""How members are spread: lifecycle stage, value tier, and recency, frequency and money in five scores and eight groups."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from msgspec import Struct

from cdp.insight.basis import ask
from cdp.insight.whom import EVERYBODY, GROUPS, Whom
from cdp.models.profile import Stage, ValueTier

# A row for each place that somebody stands at; the figures of the population beside each, and alone when nobody is there.
_SPREAD = """
    SELECT base, buyers, recency_cuts, frequency_cuts, monetary_cuts, recency_sum, frequency_sum, monetary_sum, found.*
    FROM base_interval, population LEFT JOIN (
        SELECT stage, value_tier, r, f, m, rfm_group, count(*) AS members, count(*) FILTER (WHERE n >= 2) AS repeaters,
               sum(amount)::bigint AS amount
        FROM placed JOIN whom USING (member_id) GROUP BY 1, 2, 3, 4, 5, 6) found ON true
"""


class Cuts(Struct, frozen=True):
    """Four each, ascending: a value's score is 1 and one more for each that it exceeds. Days, orders, fen."""

    recency: list[int]
    frequency: list[int]
    monetary: list[int]


class Means(Struct, frozen=True):
    """Of everybody with a purchase: days, orders, fen. What is high in an RFM group is at least as good."""

    recency: float | None
    frequency: float | None
    monetary: float | None


class Cell(Struct, frozen=True):
    """Members of one R, F and M score, and their lifetime net amount in fen."""

    r: int
    f: int
    m: int
    members: int
    amount: int


class Group(Struct, frozen=True):
    """One of the eight; `bits`: R, F and M high (1) or low (0). `amount` in fen."""

    group: str
    bits: str
    members: int
    amount: int


class Spread(Struct, frozen=True):
    """`repeaters` have at least two purchase days. Stages, tiers and groups that nobody stands at are there with 0."""

    members: int
    buyers: int
    repeaters: int
    base_interval_days: int
    stages: dict[str, int]
    value_tiers: dict[str, int]
    stages_by_tier: dict[str, dict[str, int]]
    cuts: Cuts
    means: Means
    cells: list[Cell]
    groups: list[Group]

    @property
    def repeat_rate(self) -> float | None:
        return self.repeaters / self.buyers if self.buyers else None


def spread(whom: Whom = EVERYBODY, *, as_of: datetime) -> Spread:
    """Cut points, means and base interval are everybody's; the counts are of those who are looked at."""
    rows = ask(_SPREAD, {"whom": whom}, as_of=as_of)
    base, buyers, *figures = rows[0][:8]
    found = [row[8:] for row in rows if row[14]]
    tiers: dict[str, Counter[str]] = {stage: Counter() for stage in Stage.values}
    cells, amounts = Counter[tuple[int, int, int]](), Counter[tuple[int, int, int]]()
    groups, money = Counter[str](), Counter[str]()
    for stage, tier, r, f, m, group, members, _repeaters, amount in found:
        tiers[stage][tier] += members
        if group is not None:
            cells[r, f, m] += members
            amounts[r, f, m] += amount
            groups[group] += members
            money[group] += amount
    return Spread(
        members=sum(row[6] for row in found),
        buyers=cells.total(),
        repeaters=sum(row[7] for row in found),
        base_interval_days=base,
        stages={stage: of.total() for stage, of in tiers.items()},
        value_tiers={tier: sum(of[tier] for of in tiers.values()) for tier in ValueTier.values},
        stages_by_tier={stage: {tier: of[tier] for tier in ValueTier.values} for stage, of in tiers.items()},
        cuts=Cuts(*(list(cuts or ()) for cuts in figures[:3])),
        means=Means(*(float(total / buyers) if buyers else None for total in figures[3:])),
        cells=[Cell(*score, cells[score], amounts[score]) for score in sorted(cells, reverse=True)],
        groups=[Group(group, f"{7 - n:03b}", groups[group], money[group]) for n, group in enumerate(GROUPS)],
    )
