"""Orders that conditions ask for. A purchase counts while it is not refunded in full, or was exchanged for what is not; what was
paid for exchanges is money like any other. A line adds what it cost while its order is not refunded in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import Property, Record, Row, Rows
from cdp.features.net import Kept, Left, Net
from cdp.models import Order, OrderLine, Product, Refund
from cdp.records.texts import listed, normal, said
from config.ground import clock


def product(column: str) -> Any:
    """What is known of the product of a line; lines name it by its SKU."""
    return lambda as_of: Subquery(Product.objects.filter(sku=OuterRef("lines__sku")).values(column)[:1])


PROPERTIES = {
    "amount": Property(_("net amount of the order"), "money", Net, by_line="line_amount"),
    "channel": Property(_("channel"), "text", said("channel")),
    "store": Property(_("store"), "text", said("store")),
    "source": Property(_("source"), "text", lambda as_of: F("source__code")),
    "coupon_codes": Property(_("coupon codes"), "list", listed("coupon_codes")),
    "points_used": Property(_("points used"), "number", lambda as_of: F("points_used"), unit=_("points")),
    "hour": Property(
        _("hour of the day"),
        "number",
        lambda as_of: ExtractHour("placed_at", tzinfo=clock.zone(), output_field=IntegerField()),
    ),
    "weekday": Property(
        _("weekday, 1 is Monday"),
        "number",
        lambda as_of: ExtractIsoWeekDay("placed_at", tzinfo=clock.zone(), output_field=IntegerField()),
    ),
    "sku": Property(_("SKU"), "text", said("lines__sku"), of_line=True),
    "name": Property(_("product"), "text", said("lines__name"), of_line=True),
    "category": Property(_("category"), "list", listed("lines__category"), of_line=True),
    "brand": Property(_("brand of the product"), "text", product("brand"), of_line=True),
    "launched_at": Property(_("launch of the product"), "time", product("launched_at"), of_line=True),
    "quantity": Property(_("quantity"), "number", lambda as_of: F("lines__quantity"), of_line=True),
    "line_amount": Property(_("amount of the line"), "money", lambda as_of: F("lines__amount"), of_line=True),
    "discount": Property(_("discount on the line"), "money", lambda as_of: F("lines__discount"), of_line=True),
}


@dataclass
class _Sold:
    """An order as it was read: what went back of it, and what went out in its place."""

    order: Order
    back: list[int] = field(default_factory=list)
    exchanges: list[_Sold] = field(default_factory=list)

    @property
    def net(self) -> int:
        return self.order.amount - sum(self.back)

    @property
    def left(self) -> bool:
        """Not refunded in full; what cost nothing is never refunded."""
        return not self.back or self.net > 0

    @property
    def counts(self) -> bool:
        return not self.order.exchange_of and self.stands(set())

    def stands(self, seen: set[int]) -> bool:
        """Anything of it, or of what it was exchanged for, at once or again, is left."""
        if self.order.pk in seen:
            return False
        seen.add(self.order.pk)
        return self.left or any(one.stands(seen) for one in self.exchanges)


def read(members: Sequence[int], as_of: datetime) -> Rows:
    """Member -> orders placed up to the instant, as known then."""
    sold = _sold(members, as_of)
    lines = _lines(list(sold))
    asked, zone, rows = set(members), clock.zone(), Rows()
    for pk, one in sold.items():
        member = one.order.member_id
        if member is not None and member in asked:
            row = Row(one.order.placed_at, _values(one, zone), lines[pk], counts=one.counts, adds=one.left)
            rows.setdefault(member, []).append(row)
    return rows


def _sold(members: Sequence[int], as_of: datetime) -> dict[int, _Sold]:
    """The orders of the members, and those that anything of theirs was exchanged for, whoever's they are."""
    known = Order.objects.filter(placed_at__lte=as_of).select_related("source")
    found = {order.pk: _Sold(order) for order in known.filter(member__in=members)}
    by_number = {(one.order.source_id, one.order.external_id): one for one in found.values()}
    newest = list(found.values())
    linked: set[int] = set()
    while newest:
        numbers = Q(exchange_of__in=[one.order.external_id for one in newest])
        newest = []
        for order in known.filter(numbers).exclude(exchange_of=""):
            first = by_number.get((order.source_id, order.exchange_of))
            if first is None or order.pk in linked:
                continue
            linked.add(order.pk)
            if order.pk not in found:
                found[order.pk] = _Sold(order)
                by_number[order.source_id, order.external_id] = found[order.pk]
            newest.append(found[order.pk])
            first.exchanges.append(found[order.pk])
    refunds = Refund.objects.filter(order__in=list(found), refunded_at__lte=as_of)
    for order_id, amount in refunds.values_list("order", "amount"):
        found[order_id].back.append(amount)
    return found


def _values(one: _Sold, zone: ZoneInfo) -> dict[str, Any]:
    order, local = one.order, one.order.placed_at.astimezone(zone)
    return {
        "amount": one.net,
        "channel": order.channel or None,
        "store": order.store or None,
        "source": order.source.code,
        "coupon_codes": normal(order.coupon_codes),
        "points_used": order.points_used,
        "hour": local.hour,
        "weekday": local.isoweekday(),
    }


def _lines(orders: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    lines = list(OrderLine.objects.filter(order__in=orders))
    products = {one.sku: one for one in Product.objects.filter(sku__in={line.sku for line in lines})}
    for line in lines:
        product = products.get(line.sku)
        found[line.order_id].append(
            {
                "sku": line.sku or None,
                "name": line.name or None,
                "category": normal(line.category),
                "brand": product.brand if product else None,
                "launched_at": product.launched_at if product else None,
                "quantity": line.quantity,
                "line_amount": line.amount,
                "discount": line.discount,
            }
        )
    return found


ORDER = Record(
    label=_("an order"),
    rows=Order.objects.all,
    at="placed_at",
    properties=PROPERTIES,
    read=read,
    counts=lambda as_of: Q(Kept(as_of)),
    adds=lambda as_of: Q(Left(as_of)),
    lines="lines",
)
