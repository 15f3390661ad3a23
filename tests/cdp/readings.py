"""The glossary's formulas read plainly, member by member: what the statements are held to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import count, pairwise
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cdp import models as rows
from cdp.models import Source

Order = tuple[datetime, int]  # placed, fen
Knows = Callable[[datetime], bool]


class Sold(NamedTuple):
    placed: datetime
    fen: int
    went: Sequence[Order] = ()  # what went back of it
    exchanges: Sequence[Sold] = ()  # what went out in its place

    def net(self, knows: Knows) -> int:
        return self.fen - sum(back for when, back in self.went if knows(when))

    def stands(self, knows: Knows) -> bool:
        """Not given back in full, or exchanged for something that stands. An order of amount zero stands."""
        swapped = any(other.stands(knows) for other in self.exchanges if knows(other.placed))
        return self.fen == 0 or self.net(knows) > 0 or swapped


def kept(sold: Sequence[Sold], knows: Knows) -> list[Order]:
    """The purchases, net, from what is known."""
    return [(one.placed, one.net(knows)) for one in sold if knows(one.placed) and one.stands(knows)]


def beside(sold: Sequence[Sold], returns: Sequence[Order], knows: Knows) -> list[Order]:
    """Money that belongs to no purchase: exchanges of any depth, and below zero what came back without an order."""
    money, exchanges = [(at, -fen) for at, fen in returns if knows(at)], [x for one in sold for x in one.exchanges]
    while exchanges:
        one = exchanges.pop()
        money += [(one.placed, one.net(knows))] if knows(one.placed) else []
        exchanges += one.exchanges
    return money


def purchase_days(orders: Sequence[Order], tz: ZoneInfo) -> list[date]:
    return sorted({placed.astimezone(tz).date() for placed, _amount in orders})


def figures(
    sold: Sequence[Sold], returns: Sequence[Order] = (), *, as_of: datetime, tz: ZoneInfo, base: int, k: int = 3
) -> dict:
    known = kept(sold, lambda at: at <= as_of)
    money = known + beside(sold, returns, lambda at: at <= as_of)
    days = purchase_days(known, tz)
    gaps = [(after - before).days for before, after in pairwise(days)]
    today = as_of.astimezone(tz).date()
    return {
        "orders": len(known),
        "purchase_days": len(days),
        "first_order_at": min((placed for placed, _amount in known), default=None),
        "last_order_at": max((placed for placed, _amount in known), default=None),
        "amount": sum(amount for _at, amount in money),
        "amount_365": sum(amount for at, amount in money if (today - at.astimezone(tz).date()).days <= 364),
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


def population(
    everybody: Sequence[tuple[Sequence[Sold], Sequence[Order]]], *, day: date, tz: ZoneInfo
) -> tuple[int, int | None, int | None]:
    """Base interval, middle and top cut, from facts before the day. Everybody: what was sold, what came back without an order."""

    def before(at: datetime) -> bool:
        return at.astimezone(tz).date() < day

    bought = [kept(sold, before) for sold, _returns in everybody]
    gaps = [(b - a).days for orders in bought for a, b in pairwise(purchase_days(orders, tz))]
    money = [kept(sold, before) + beside(sold, returns, before) for sold, returns in everybody]
    spent = [sum(fen for at, fen in rows if (day - at.astimezone(tz).date()).days <= 365) for rows in money]
    spent = [amount for amount in spent if amount > 0]
    return percentile_disc(0.5, gaps) or 90, percentile_disc(0.70, spent), percentile_disc(0.95, spent)


def store(sold: Sequence[Sold], returns: Sequence[Order] = (), *, member: int, source: Source) -> list[Order]:
    """A member's history as rows, past every door. Returns all that was given back, of orders and of none."""
    numbers, back = count(1), [*returns]
    waiting = [(one, "") for one in sold]
    while waiting:
        one, instead = waiting.pop(0)
        number = f"{member}/{next(numbers)}"
        order = rows.Order.objects.create(
            member_id=member, source=source, external_id=number, placed_at=one.placed, amount=one.fen, currency="CNY",
            exchange_of=instead, recorded_at=one.placed,
        )  # fmt: skip
        rows.Refund.objects.bulk_create(
            _refund(f"{number}/{n}", *went, source, order=order) for n, went in enumerate(one.went)
        )
        back += one.went
        waiting += [(exchange, number) for exchange in one.exchanges]
    rows.Refund.objects.bulk_create(
        _refund(f"{member}/-{n}", *went, source, member_id=member) for n, went in enumerate(returns)
    )
    return back


def _refund(number: str, at: datetime, fen: int, source: Source, **whose: Any) -> rows.Refund:
    return rows.Refund(source=source, external_id=number, refunded_at=at, amount=fen, recorded_at=at, **whose)
