"""How much of the money the best buyers bring: lifetime net of the first 5 %, the next 25 % and the rest."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.insight.basis import ask
from cdp.insight.whom import EVERYBODY, Whom

# Both shares of the number are rounded half up; equal amounts may stand in any order, the sums are the same.
_SHARES = """,
    ranked AS (
        SELECT amount, row_number() OVER (ORDER BY amount DESC, member_id) AS rank, count(*) OVER () AS buyers
        FROM placed JOIN whom USING (member_id) WHERE n > 0),
    parted AS (
        SELECT amount, CASE WHEN rank <= (5 * buyers + 50) / 100 THEN 0
                            WHEN rank <= (5 * buyers + 50) / 100 + (25 * buyers + 50) / 100 THEN 1 ELSE 2 END AS part
        FROM ranked)
    SELECT part, count(*), sum(amount)::bigint FROM parted GROUP BY part
"""


class Part(Struct, frozen=True):
    """`amount` in fen; the share is null where there is no money to share."""

    buyers: int
    amount: int
    share: float | None


class RevenueShares(Struct, frozen=True):
    """Buyers ranked by lifetime net."""

    top5: Part
    next25: Part
    rest70: Part


def revenue_shares(whom: Whom = EVERYBODY, *, as_of: datetime) -> RevenueShares:
    found = {part: (buyers, amount) for part, buyers, amount in ask(_SHARES, {"whom": whom}, as_of=as_of)}
    total = sum(amount for _buyers, amount in found.values())
    parts = [found.get(part, (0, 0)) for part in range(3)]
    return RevenueShares(*(Part(buyers, amount, amount / total if total else None) for buyers, amount in parts))
