"""Members that nobody is, at any size, skewed like real ones: 15 % never bought, orders per member with mean 9, median 5 and 99th
percentile 63, lognormal amounts, three years, evenings and weekends busier. The same seed makes the same members, by COPY.

They come as history: nobody is triggered by them. Who they are is marked synthetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from math import log
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from cdp import identity
from cdp.identity import Key
from cdp.ingest import tables
from cdp.models import Order, Source
from config.ground.models import Brand

SLICE = 20_000  # members a transaction: some 180,000 orders, a few seconds
NEVER, SPREAD = 0.15, 1.02  # who never bought; the sigma of how many orders the others have
YEARS = timedelta(days=3 * 365)
HOURS = (1, 0, 0, 0, 0, 0, 1, 3, 5, 6, 7, 8, 9, 7, 6, 6, 7, 9, 11, 12, 12, 9, 5, 2)  # local; how busy
WEEKDAYS = (9, 9, 9, 9, 11, 14, 13)
CITIES = ("上海", "北京", "杭州", "广州", "深圳", "成都", "武汉", "南京")


def _often(**weights: int) -> tuple[str, ...]:
    """Each as often as its weight, so that drawing one is an index."""
    return tuple(name for name, weight in weights.items() for _time in range(weight))


CHANNELS = _often(store=9, mini_program=6, app=3, ecommerce=2)
CATEGORIES = _often(食品=30, 饮料=18, 日用=16, 美妆=10, 服饰=10, 母婴=7, 运动=5, 数码=4)
EVENTS = ("browse", "browse", "browse", "login", "search", "cart_add", "favourite", "review")


class AlreadyGenerated(Exception):
    """The same seed was used before; its numbers are taken."""


@dataclass(frozen=True)
class Wanted:
    members: int
    orders: float  # mean per member, those who never bought included
    seed: int
    lines: int = 2  # per order at most
    events: float = 0  # mean per member


@dataclass
class Made:
    members: int = 0
    orders: int = 0
    lines: int = 0
    events: int = 0


def generate(wanted: Wanted, *, now: datetime, said: Callable[[Made], object] = lambda made: None) -> Made:
    """Facts up to now, in slices that commit by themselves; profiles are for a pass to make. Raises AlreadyGenerated."""
    source, _created = Source.objects.get_or_create(code="generated", defaults={"name": "generated"})
    if Order.objects.filter(source=source, external_id__startswith=f"{wanted.seed}-").exists():
        raise AlreadyGenerated(wanted.seed)
    tables.make_months(now - YEARS + timedelta(days=n) for n in range(0, YEARS.days + 1, 28))
    made, shop = Made(), _Shop(wanted, source, now)
    for first in range(0, wanted.members, SLICE):
        _slice(shop, range(first, min(first + SLICE, wanted.members)), made)
        said(made)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE cdp_member, cdp_order, cdp_orderline, cdp_event")
    return made


class _Shop:
    """Draws who they are and what they did; everything comes from one random stream."""

    def __init__(self, wanted: Wanted, source: Source, now: datetime) -> None:
        brand = Brand.objects.the()
        self.wanted, self.source, self.now, self.currency = wanted, source, now, brand.currency
        self.dice, self.number = Random(wanted.seed), count(1)
        self.mean = log(max(wanted.orders, 0.01) / (1 - NEVER)) - SPREAD**2 / 2
        start = (now - YEARS).replace(minute=0, second=0, microsecond=0)
        hours = [start + timedelta(hours=n) for n in range(YEARS.days * 24)]
        local = (hour.astimezone(ZoneInfo(brand.timezone)) for hour in hours)
        self.hours = hours
        self.busy = self._busy([HOURS[each.hour] * WEEKDAYS[each.weekday()] for each in local])

    @staticmethod
    def _busy(weights: list[int]) -> list[int]:
        """Hours, each as often as it is busy, so that drawing one is an index."""
        return [n for n, weight in enumerate(weights) for _time in range(weight // 6)]

    def instants(self, many: int) -> list[datetime]:
        """Of one member: within the span in which it came, in order, none of the future."""
        dice, busy = self.dice, self.busy
        low = int(dice.random() * len(busy) * 0.9)
        high = len(busy) if dice.random() < 0.5 else low + 1 + int(dice.random() * (len(busy) - low))
        drawn = (busy[low + int(dice.random() * (high - low))] for _time in range(many))
        found = sorted(self.hours[n] + timedelta(seconds=int(dice.random() * 3600)) for n in drawn)
        return [min(at, self.now) for at in found]

    def often(self) -> int:
        """How many orders."""
        return 0 if self.dice.random() < NEVER else max(1, round(self.dice.lognormvariate(self.mean, SPREAD)))

    def amount(self) -> int:
        return round(self.dice.lognormvariate(log(6000), 0.9))

    def one(self, often: tuple[str, ...]) -> str:
        return often[int(self.dice.random() * len(often))]


@transaction.atomic
def _slice(shop: _Shop, numbers: range, made: Made) -> None:
    ids = tables.next_ids("cdp_member", len(numbers))
    who = list(zip(ids, numbers, strict=True))
    came = [[*shop.instants(shop.often())] for _member in who]
    _copy(
        "cdp_member (id, registered_at, attributes, synthetic, created_at)",
        ((id, *_person(shop, number, at)) for (id, number), at in zip(who, came, strict=True)),
    )
    keys = {Key("crm_id", "", f"generated-{shop.wanted.seed}-{number}"): id for id, number in who}
    identity.claim(keys, source=shop.source, now=shop.now)
    orders = [(id, at) for id, instants in zip(ids, came, strict=True) for at in instants]
    numbered = list(zip(tables.next_ids("cdp_order", len(orders)), orders, strict=True))
    lines: list[tuple[Any, ...]] = []
    _copy(
        "cdp_order (id, member_id, source_id, external_id, placed_at, amount, currency, channel, store, coupon_codes,"
        " points_used, recorded_at)",
        (_order(shop, id, member, at, lines) for id, (member, at) in numbered),
    )
    _copy("cdp_orderline (order_id, position, sku, name, category, quantity, amount, discount)", lines)
    events = [(id, at) for id in ids for at in shop.instants(_many(shop))]
    tables.copy_events([_event(shop, member, at) for member, at in events], now=shop.now)
    made.members, made.orders = made.members + len(ids), made.orders + len(orders)
    made.lines, made.events = made.lines + len(lines), made.events + len(events)


def _copy(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """As text: asking the adapter for each value costs five times as much, and nothing here has to be escaped."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as stream:
        while chunk := list(islice(rows := iter(rows), 10_000)):
            stream.write("".join("\t".join(map(str, row)) + "\n" for row in chunk))


def _many(shop: _Shop) -> int:
    """Events: as skewed as orders."""
    return round(shop.wanted.events * shop.dice.lognormvariate(-0.5, 1)) if shop.wanted.events else 0


def _person(shop: _Shop, number: int, came: list[datetime]) -> tuple[datetime, str, bool, datetime]:
    registered = came[0] if came else shop.hours[int(shop.dice.random() * len(shop.hours))]
    attributes = {"name": f"合成会员{number}", "city": shop.dice.choice(CITIES)}
    return registered, json.dumps(attributes, ensure_ascii=False), True, registered


def _order(shop: _Shop, id: int, member: int, at: datetime, lines: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    amount, left = shop.amount(), 0
    for position in range(1 + int(shop.dice.random() * shop.wanted.lines) if shop.wanted.lines else 0):
        part = amount - left if position == shop.wanted.lines - 1 else round((amount - left) * shop.dice.random())
        category = shop.one(CATEGORIES)
        discount = round(part * 0.2) if shop.dice.random() < 0.3 else 0
        sku = f"sku-{int(shop.dice.random() * 900)}"
        lines.append((id, position, sku, "", tables.array((category,)), 1, part, discount))
        left += part
    channel = shop.one(CHANNELS)
    store = f"S{int(shop.dice.random() * 40):02}" if channel == "store" else ""
    coupons = "{WELCOME}" if shop.dice.random() < 0.1 else "{}"
    number = f"{shop.wanted.seed}-{next(shop.number)}"
    return id, member, shop.source.pk, number, at, amount, shop.currency, channel, store, coupons, 0, shop.now


def _event(shop: _Shop, member: int, at: datetime) -> tuple[Any, ...]:
    kind = shop.dice.choice(EVENTS)
    said: dict[str, dict[str, Any]] = {
        "browse": {"seconds": 5 + int(shop.dice.random() * 300), "sku": f"sku-{int(shop.dice.random() * 900)}"},
        "search": {"query": shop.one(CATEGORIES)},
        "cart_add": {"sku": f"sku-{int(shop.dice.random() * 900)}"},
        "favourite": {"sku": f"sku-{int(shop.dice.random() * 900)}"},
        "review": {"rating": shop.dice.choice((3, 4, 5, 5))},
    }
    return at, member, None, shop.source.pk, f"{shop.wanted.seed}-{next(shop.number)}", kind, said.get(kind, {}), None
