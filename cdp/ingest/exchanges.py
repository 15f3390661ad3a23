"""An exchange stands for the order that it goes back to, so what comes of it is told to whoever placed that order too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from cdp.ingest import batch

_BEHIND = """
    WITH RECURSIVE behind AS (
        SELECT source_id, exchange_of FROM cdp_order WHERE id = ANY(%s) AND exchange_of <> ''
        UNION SELECT o.source_id, o.exchange_of FROM behind b
        JOIN cdp_order o ON o.source_id = b.source_id AND o.external_id = b.exchange_of AND o.exchange_of <> '')
    SELECT DISTINCT o.member_id FROM behind b
    JOIN cdp_order o ON o.source_id = b.source_id AND o.external_id = b.exchange_of
    WHERE o.member_id IS NOT NULL ORDER BY 1
"""


def tell(orders: Sequence[int], *, now: datetime) -> None:
    """The profiles of those whose orders these were exchanged for: nobody but the profile hears of it."""
    if not orders:
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [list(orders)])
        members = [row[0] for row in cursor.fetchall()]
    batch.dirty("order", ((0, member, now) for member in members), True, now)
