"""Orders earn points: per order the amount in currency units times the programme's rate, rounded down once. An exchange earns
none: what it takes the place of has earned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from config.ground.cause import Cause
from loyalty.ledger.earn import Earning, Terms, earn_many
from loyalty.ledger.post import Origin
from loyalty.models import Programme

READER = "loyalty"  # this room's place in the feed

_POINTS = """
    SELECT member_id, id, placed_at, points
    FROM (SELECT member_id, id, placed_at,
                 floor(amount * %(rate)s::numeric / 100 / %(rounding)s) * %(rounding)s AS points
          FROM cdp_order WHERE id = ANY(%(orders)s) AND member_id IS NOT NULL AND exchange_of = '') o
    WHERE points > 0 ORDER BY member_id, placed_at, id
"""


def earn_by_orders(orders: Sequence[int], *, now: datetime) -> int:
    """Give the points of these orders in every programme, once per order. Returns how many entries are new."""
    return sum(_earn(programme, orders, now=now) for programme in Programme.objects.order_by("pk"))


def _earn(programme: Programme, orders: Sequence[int], *, now: datetime) -> int:
    terms: dict[str, Any] = {"rate": programme.points_per_unit, "rounding": programme.rounding, "orders": list(orders)}
    with connection.cursor() as cursor:
        cursor.execute(_POINTS, terms)
        rows = cursor.fetchall()
    reason = f"order × {programme.points_per_unit.normalize():f} ↓ {programme.rounding}"
    earnings = [
        Earning(
            member,
            points,
            Cause(f"earn:{programme.key}", f"order/{order}"),
            Terms(reason, placed_at, source=Origin("order", order)),
        )
        for member, order, placed_at, points in rows
    ]
    return sum(posted.new for posted in earn_many(programme, earnings, now=now))
