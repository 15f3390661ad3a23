"""Which message an order is credited to: the latest that went out before it, while the goal window of its enrolment was open.
A message to a member that was merged away went to the person that the order is of.

An exchange is no purchase, so nothing is credited for it. A credit follows from the rows alone, so crediting again, in any order,
or after a late receipt ends in the same credits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from automation.models import Conversion
from cdp import roots

LAST_TOUCH = Conversion.Model.LAST_TOUCH.value

_CREDIT = f"""
WITH touch AS (
    SELECT DISTINCT ON (o.id) o.id AS "order", e.id AS enrolment, m.id AS message, o.amount, o.placed_at
    FROM cdp_order o
    CROSS JOIN LATERAL {roots.FAMILY.format(member="o.member_id")} who
    JOIN connectors_message m ON m.member_id = who.id AND m.state = 'sent' AND m.sent_at < o.placed_at
                             AND m.delivery <> 'undelivered'
    JOIN automation_steprun r ON r.message = m.id
    JOIN automation_enrolment e ON e.id = r.enrolment_id AND e.enrolled_at < o.placed_at AND o.placed_at <= e.closes_at
    WHERE o.id = ANY(%(orders)s) AND o.placed_at <= %(now)s AND o.exchange_of = ''
    ORDER BY o.id, m.sent_at DESC, m.id),
gone AS (
    DELETE FROM automation_conversion c
    WHERE c.order_id = ANY(%(orders)s) AND c.model = %(model)s
      AND NOT EXISTS (SELECT FROM touch WHERE touch."order" = c.order_id))
INSERT INTO automation_conversion AS c (order_id, model, enrolment_id, message, amount, at)
SELECT "order", %(model)s, enrolment, message, amount, placed_at FROM touch ORDER BY "order"
ON CONFLICT (order_id, model) DO UPDATE
    SET enrolment_id = excluded.enrolment_id, message = excluded.message, amount = excluded.amount, at = excluded.at
    WHERE (c.enrolment_id, c.message, c.amount, c.at)
          IS DISTINCT FROM (excluded.enrolment_id, excluded.message, excluded.amount, excluded.at)"""

_AFTER_MESSAGES = """
SELECT DISTINCT o.id
FROM cdp_event ev
JOIN connectors_message m ON m.id = (ev.properties ->> 'message')::uuid
JOIN cdp_member who ON who.id = m.member_id
JOIN cdp_order o ON o.member_id = coalesce(who.merged_into_id, who.id) AND o.placed_at > m.sent_at
WHERE ev.id = ANY(%s) AND ev.occurred_at = ANY(%s)"""


def credit(orders: Sequence[int], *, now: datetime) -> int:
    """Bring the credits of these orders in line with what is known now. Returns how many were made or changed."""
    if not orders:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_CREDIT, {"orders": list(orders), "now": now, "model": LAST_TOUCH})
        return cursor.rowcount


def orders_after(events: Sequence[tuple[int, datetime]]) -> list[int]:
    """The orders placed after the messages that these events (id, instant) tell of: their credit may move."""
    if not events:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_AFTER_MESSAGES, [[event for event, _at in events], [at for _event, at in events]])
        return [row[0] for row in cursor.fetchall()]
