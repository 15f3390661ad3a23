"""Words for what the figures of quality name by code: fields of rows, reasons for which rows are rejected."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.admin.words import KINDS
from cdp.models.refund import Parked
from cdp.quality.problems import kind_label

FIELDS: dict[str, Any] = {
    "registered_at": gettext_lazy("registered"),
    "consents": gettext_lazy("consents"),
    "tags": gettext_lazy("tags"),
    "channel": gettext_lazy("channel"),
    "store": gettext_lazy("store"),
    "coupon_codes": gettext_lazy("coupon codes"),
    "points_used": gettext_lazy("points used"),
    "items": gettext_lazy("order lines"),
    "category": gettext_lazy("category of every line"),
    "name": gettext_lazy("name"),
    "brand": gettext_lazy("brand"),
    "price": gettext_lazy("price"),
    "launched_at": gettext_lazy("launched"),
    "replenish_days": gettext_lazy("days until it is used up"),
}
REASONS: dict[str, Any] = {
    "unknown_field": gettext_lazy("a field that is not known"),
    "required": gettext_lazy("a required field is missing"),
    "naive_time": gettext_lazy("a time without its offset"),
    "invalid_time": gettext_lazy("not a valid time"),
    "out_of_range": gettext_lazy("a number out of range"),
    "wrong_length": gettext_lazy("a wrong length"),
    "wrong_form": gettext_lazy("a wrong form"),
    "wrong_type": gettext_lazy("a wrong type"),
    "invalid": gettext_lazy("not the form of a batch"),
    "conflict": gettext_lazy("stored before with other content"),
    "future": gettext_lazy("lies in the future"),
    "too_early": gettext_lazy("lies before 1970"),
    "wrong_currency": gettext_lazy("another currency"),
    "reserved": gettext_lazy("a reserved type"),
    "invalid_identity": gettext_lazy("not a valid identity"),
    "negative": gettext_lazy("a negative quantity"),
    "too_much": gettext_lazy("more than is left of the order"),
    "unknown_order": gettext_lazy("an order that is not known"),
    "too_deep": gettext_lazy("nested too deeply"),
    "nul": gettext_lazy("a NUL character"),
    "unknown_value": gettext_lazy("a value that the field does not know"),
    "invalid_date": gettext_lazy("not a valid date"),
    "invalid_number": gettext_lazy("not a number"),
    "invalid_tag": gettext_lazy("not a valid tag"),
    "too_fine": gettext_lazy("more decimal places than there are"),
    "too_many": gettext_lazy("too many rows of one member at once"),
    "only_weak_identities": gettext_lazy("only identities that many share"),
    "no_consent": gettext_lazy("from a third party, without the member's consent to that"),
    "with_batch": gettext_lazy("refused with its batch"),
    "rejected": gettext_lazy("rows of an atomic batch were bad"),
    "disagrees": gettext_lazy("says otherwise than the lines before"),
    "unstorable": gettext_lazy("beyond what can be stored"),
    "malformed_json": gettext_lazy("not JSON"),
    "cells": gettext_lazy("another number of cells than columns"),
    "encoding": gettext_lazy("bytes that are no text"),
    "quotes": gettext_lazy("a quote that is not closed"),
    "too_long": gettext_lazy("too long"),
    "with_line": gettext_lazy("of an order with a rejected line"),
    "minor": gettext_lazy("a child's consent without a guardian"),
    "other_source": gettext_lazy("another source than the key's"),
    "too_many_rows": gettext_lazy("more than 1000 rows"),
    "too_large": gettext_lazy("larger than 5 MB"),
    "unsupported_media_type": gettext_lazy("not sent as JSON"),
}


def reason_label(code: str) -> str:
    """A code without a word stays what it is."""
    return str(REASONS.get(code, code))


def field_label(key: str) -> str:
    """`identity:phone`, `attribute:city`, `property:browse:sku`, a field of a row, or a kind."""
    head, _colon, rest = key.partition(":")
    if not rest:
        return str(FIELDS.get(key) or KINDS.get(key) or kind_label(key))
    if head == "identity":
        return str(KINDS.get(rest, rest))
    if head == "property":
        return " · ".join(rest.split(":", 1))
    return rest


def why_label(why: str) -> str:
    return str(dict(Parked.Why.choices).get(why, why))


def part_label(key: str) -> str:
    """How many identities: 0, 1, 2, 3+."""
    return _("none") if key == "0" else _("3 or more") if key == "3+" else key
