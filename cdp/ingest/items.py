"""The lines of orders that came without any: all lines of an order at once, once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import feed
from cdp.errors import Rejected
from cdp.ingest import rows as shapes
from cdp.ingest import said, tables
from cdp.ingest.batch import HISTORY, Accepted
from cdp.ingest.log import Noted
from cdp.ingest.rows import ItemsRow
from cdp.models import Source
from config.ground.models import Brand
from config.ground.nudge import nudge

SEEN = "items"


@transaction.atomic
def add(raw: Sequence[Any], *, source: str, call: Noted | None = None, now: datetime) -> Accepted:
    """The profile is told; nobody else hears of an order twice."""
    answer = Accepted()
    good, answer.rejected = shapes.parse("order_items", raw, currency=Brand.objects.the().currency, now=now)
    from_source, _made = Source.objects.get_or_create(code=source, defaults={"name": source})
    orders = _orders([row.order_id for _index, row, _keys in good], from_source)
    with_order = [(index, row) for index, row, _keys in good if row.order_id in orders]
    content = {row.order_id: _content(row) for _index, row in with_order}
    stored = tables.stored_content(SEEN, from_source, list(content))
    bare = {id: content[id] for id in content if id in stored or not orders[id][2]}
    fresh = tables.remember(SEEN, from_source, bare)
    stored = tables.stored_content(SEEN, from_source, list(content))
    for index, row, _keys in good:
        if row.order_id not in orders:
            answer.rejected.append(
                Rejected(
                    index, "order_id", "unknown_order", _("this source has no such order; import the orders first")
                )
            )
        elif stored.get(row.order_id) != _content(row):
            answer.rejected.append(Rejected(index, "order_id", "conflict", _("this order has other lines already")))
        elif row.order_id not in fresh:
            answer.duplicates += 1
    answer.fresh = [index for index, row in with_order if row.order_id in fresh]
    added = [(orders[row.order_id][0], row) for _index, row in with_order if row.order_id in fresh]
    answer.accepted = len(added)
    _store(added)
    members = sorted({orders[id][1] for id in fresh if orders[id][1] is not None})
    tickets = tables.next_ids("cdp_feedrow", len(members))
    feed.tell(feed.PROFILE, [feed.Heard(HISTORY, t, m, now) for t, m in zip(tickets, members, strict=True)])
    if call:
        called = said.count((row, ()) for _order, row in added)
        call.note("order_items", from_source, answer, called, history=False, now=now)
    nudge("cdp.absorb")
    return answer


def _orders(ids: Sequence[str], source: Source) -> dict[str, tuple[int, Any, bool]]:
    """External id -> (order, member, whether it has lines). Locked: two files never add lines to one order at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT o.external_id, o.id, o.member_id,
                      EXISTS (SELECT 1 FROM cdp_orderline l WHERE l.order_id = o.id)
               FROM cdp_order o WHERE o.source_id = %s AND o.external_id = ANY(%s) ORDER BY o.id FOR NO KEY UPDATE OF o""",
            [source.pk, list(ids)],
        )
        return {external: (id, member, lines) for external, id, member, lines in cursor.fetchall()}


def _store(added: Sequence[tuple[int, ItemsRow]]) -> None:
    tables.copy(
        "cdp_orderline (order_id, position, sku, name, category, quantity, amount, discount)",
        (
            (order, n, line.sku, line.name, tables.array(line.category), line.quantity, line.amount, line.discount)
            for order, row in added
            for n, line in enumerate(row.items)
        ),
    )


def _content(row: ItemsRow) -> bytes:
    return hashlib.sha256(msgspec.json.encode(row, order="sorted")).digest()[:16]
