"""The glossary's formulas read plainly, member by member: what the statements are held to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

Order = tuple[datetime, int]  # placed, fen
Sold = tuple[datetime, int, Sequence[Order]]  # placed, fen, what went back of it


def kept(sold: Sequence[Sold], knows: Callable[[datetime], bool]) -> list[Order]:
    """The orders that count, net, from what is known: an order given back in full is none, one of amount zero is one."""
    known = [(at, fen, sum(back for when, back in went if knows(when))) for at, fen, went in sold if knows(at)]
    return [(at, fen - back) for at, fen, back in known if back < fen or fen == 0]


def purchase_days(orders: Sequence[Order], tz: ZoneInfo) -> list[date]:
    return sorted({placed.astimezone(tz).date() for placed, _amount in orders})


def figures(sold: Sequence[Sold], *, as_of: datetime, tz: ZoneInfo, base: int, k: int = 3) -> dict:
    known = kept(sold, lambda at: at <= as_of)
    days = purchase_days(known, tz)
    gaps = [(after - before).days for before, after in pairwise(days)]
    today = as_of.astimezone(tz).date()
    return {
        "orders": len(known),
        "purchase_days": len(days),
        "first_order_at": min((placed for placed, _amount in known), default=None),
        "last_order_at": max((placed for placed, _amount in known), default=None),
        "amount": sum(amount for _placed, amount in known),
        "amount_365": sum(amount for placed, amount in known if (today - placed.astimezone(tz).date()).days <= 364),
        "interval_count": len(gaps),
        "interval_sum": sum(gaps),
        "expected_interval": (k * base + sum(gaps)) / (k + len(gaps)),
    }


def stage(n: int, d: int, i: float, s: dict) -> str:
    if n == 0:
        return "new"
    if d > max(s["churned_factor"] * i, s["churned_floor"]):
        return "churned"
    if d > max(s["dormant_factor"] * i, s["dormant_floor_once"] if n == 1 else s["dormant_floor"]):
        return "dormant"
    if n >= 2 and d >= max(s["critical_factor"] * i, s["critical_floor"]):
        return "critical"
    return "first_purchase" if n == 1 else "active"


def percentile_disc(p: float, values: Sequence[int]) -> int | None:
    ordered = sorted(values)
    return ordered[ceil(p * len(ordered)) - 1] if ordered else None


def population(everybody: Sequence[Sequence[Sold]], *, day: date, tz: ZoneInfo) -> tuple[int, int | None, int | None]:
    """Base interval, middle and top cut, from facts before the day."""
    before = [kept(sold, lambda at: at.astimezone(tz).date() < day) for sold in everybody]
    gaps = [(b - a).days for orders in before for a, b in pairwise(purchase_days(orders, tz))]
    spent = [sum(fen for at, fen in orders if (day - at.astimezone(tz).date()).days <= 365) for orders in before]
    spent = [amount for amount in spent if amount > 0]
    return percentile_disc(0.5, gaps) or 90, percentile_disc(0.70, spent), percentile_disc(0.95, spent)
