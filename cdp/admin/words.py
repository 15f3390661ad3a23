"""Words for this room's closed vocabularies: channels and purposes of consent, kinds of identities."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp import kinds
from cdp.models.consent import Channel, Purpose

CHANNELS: dict[str, Any] = dict(Channel.choices)
PURPOSES: dict[str, Any] = dict(Purpose.choices)
KINDS: dict[str, Any] = {kind.name: kind.label for kind in kinds.KINDS}
# What a file may hold, and its columns as people call them.
IMPORTS: dict[str, Any] = {
    "members": _("members"),
    "orders": _("orders without lines"),
    "order_items": _("lines of orders that came without"),
    "order_lines": _("sales, a line per row"),
    "products": _("products"),
    "refunds": _("refunds"),
    "events": _("events"),
    "consents": _("consents"),
}
COLUMNS: dict[str, Any] = {
    "id": _("number of its own"),
    "order_id": _("number of its order"),
    "placed_at": _("placed"),
    "amount": _("amount"),
    "unit_price": _("price of a piece"),
    "quantity": _("quantity"),
    "discount": _("discount"),
    "currency": _("currency"),
    "channel": _("channel"),
    "store": _("store"),
    "coupon_codes": _("coupon codes"),
    "points_used": _("points used"),
    "exchange_of": _("exchange of"),
    "sku": _("SKU"),
    "name": _("name"),
    "brand": _("brand"),
    "category": _("category"),
    "price": _("price"),
    "launched_at": _("launched"),
    "replenish_days": _("days until it is used up"),
    "refunded_at": _("refunded on"),
    "registered_at": _("registered"),
    "tags": _("tags"),
    "type": _("type"),
    "occurred_at": _("occurred"),
    "purpose": _("purpose"),
    "state": _("state"),
    "at": _("at"),
    "evidence": _("evidence"),
}
