"""What a member gave back, of orders and without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import Property, Record, Row, Rows
from cdp.models import Refund, RefundLine
from cdp.records.texts import said

PROPERTIES = {
    "amount": Property(_("amount given back"), "money", lambda as_of: F("amount"), by_line="line_amount"),
    "channel": Property(_("channel of the order"), "text", said("order__channel")),
    "store": Property(_("store of the order"), "text", said("order__store")),
    "source": Property(_("source"), "text", lambda as_of: F("source__code")),
    "sku": Property(_("SKU"), "text", said("lines__sku"), of_line=True),
    "quantity": Property(_("quantity"), "number", lambda as_of: F("lines__quantity"), of_line=True),
    "line_amount": Property(_("amount of the line"), "money", lambda as_of: F("lines__amount"), of_line=True),
}


def read(members: Sequence[int], as_of: datetime) -> Rows:
    """Member -> refunds up to the instant."""
    refunds = Refund.objects.filter(member__in=members, refunded_at__lte=as_of).select_related("order", "source")
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in RefundLine.objects.filter(refund__in=refunds):
        lines[line.refund_id].append({"sku": line.sku or None, "quantity": line.quantity, "line_amount": line.amount})
    rows = Rows()
    for refund in refunds:
        values = {
            "amount": refund.amount,
            "channel": (refund.order.channel if refund.order else "") or None,
            "store": (refund.order.store if refund.order else "") or None,
            "source": refund.source.code,
        }
        if refund.member_id is not None:
            rows.setdefault(refund.member_id, []).append(Row(refund.refunded_at, values, lines[refund.pk]))
    return rows


REFUND = Record(
    label=_("a refund"), rows=Refund.objects.all, at="refunded_at", properties=PROPERTIES, read=read, lines="lines"
)
