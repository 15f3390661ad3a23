"""Words for this room's closed vocabularies: channels and purposes of consent, kinds of identities."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

CHANNELS: dict[str, Any] = {
    "sms": _("text message"),
    "email": _("email"),
    "wechat": _("WeChat"),
    "wecom": _("WeCom"),
    "push": _("app push"),
}
PURPOSES: dict[str, Any] = {"marketing": _("marketing"), "service": _("service notice")}
KINDS: dict[str, Any] = {
    "crm_id": _("CRM number"),
    "wechat_unionid": _("WeChat UnionID"),
    "wechat_openid": _("WeChat OpenID"),
    "wecom_external_userid": _("WeCom contact"),
    "phone": _("phone"),
    "email": _("email"),
    "pos_card": _("membership card"),
    "device": _("device"),
}
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
# Why rows are rejected, where a count of them stands; each row says it in a sentence of its own.
REASONS: dict[str, Any] = {
    "cells": _("another number of cells than columns"),
    "conflict": _("stored before with other content"),
    "disagrees": _("lines of one order that disagree"),
    "encoding": _("bytes that are no text"),
    "future": _("lies in the future"),
    "invalid_date": _("no date"),
    "invalid_identity": _("names a member in a wrong form"),
    "invalid_number": _("no number"),
    "invalid_tag": _("no tag"),
    "invalid_time": _("no instant"),
    "malformed_json": _("no JSON object"),
    "naive_time": _("a time without a zone"),
    "out_of_range": _("out of range"),
    "quotes": _("a quote that is not closed"),
    "required": _("something needed is missing"),
    "too_early": _("lies before 1970"),
    "too_fine": _("too many decimals"),
    "too_long": _("too long"),
    "too_much": _("above what is left of the order"),
    "unknown_order": _("of an order that has not come"),
    "unknown_value": _("a value that is not in its list"),
    "with_line": _("of an order with a rejected line"),
    "wrong_currency": _("another currency"),
    "wrong_form": _("in a wrong form"),
    "wrong_length": _("of a wrong length"),
    "wrong_type": _("of another type"),
}
