"""Products have no history: the last word on an article stands, and a row that says nothing new is a duplicate."""

from __future__ import annotations

import json
from datetime import datetime

from django.db import connection

from cdp.ingest.batch import Accepted, Parsed
from cdp.models import Source


def store(parsed: list[Parsed], source: Source, answer: Accepted, history: bool, now: datetime) -> None:
    rows = {p.row.sku: p.row for p in parsed}
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_product (sku, name, brand, category, price, launched_at, replenish_days, attributes)
               SELECT sku, name, brand, (SELECT coalesce(array_agg(level ORDER BY n), '{}')
                                         FROM jsonb_array_elements_text(category) WITH ORDINALITY AS c (level, n)),
                      price, launched_at, replenish_days, attributes
               FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[],
                           %s::bigint[], %s::timestamptz[], %s::int[], %s::jsonb[])
                    AS r (sku, name, brand, category, price, launched_at, replenish_days, attributes)
               ON CONFLICT (sku) DO UPDATE SET name = excluded.name, brand = excluded.brand,
                      category = excluded.category, price = coalesce(excluded.price, cdp_product.price),
                      launched_at = coalesce(excluded.launched_at, cdp_product.launched_at),
                      replenish_days = coalesce(excluded.replenish_days, cdp_product.replenish_days),
                      attributes = cdp_product.attributes || excluded.attributes
               WHERE (cdp_product.name, cdp_product.brand, cdp_product.category)
                     IS DISTINCT FROM (excluded.name, excluded.brand, excluded.category)
                  OR (coalesce(excluded.price, cdp_product.price), coalesce(excluded.launched_at, cdp_product.launched_at),
                      coalesce(excluded.replenish_days, cdp_product.replenish_days))
                     IS DISTINCT FROM (cdp_product.price, cdp_product.launched_at, cdp_product.replenish_days)
                  OR NOT cdp_product.attributes @> excluded.attributes
               RETURNING sku""",
            [
                list(rows),
                [r.name for r in rows.values()],
                [r.brand for r in rows.values()],
                [json.dumps(r.category, ensure_ascii=False) for r in rows.values()],
                [r.price for r in rows.values()],
                [r.launched_at for r in rows.values()],
                [r.replenish_days for r in rows.values()],
                [json.dumps(r.attributes, ensure_ascii=False) for r in rows.values()],
            ],
        )
        stored = len(cursor.fetchall())
    answer.accepted += stored
    answer.duplicates += len(parsed) - stored
