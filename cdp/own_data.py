"""A member's own data, in the clear, for whom it tells of: what more than one column takes to show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from cdp import datakeys
from cdp.leaving import Shown
from cdp.models import Event, Identity, Member, Merge, MergeCandidate, Order, OrderLine, Refund, RefundLine
from config.ground import crypto


def identities(members: Sequence[int]) -> Shown:
    rows = Identity.objects.filter(member__in=members).order_by("pk")
    return [
        {"kind": i.kind, "app": i.app, "value": crypto.unseal(bytes(i.sealed)), "created_at": i.created_at}
        for i in rows
    ]


def orders(members: Sequence[int]) -> Shown:
    """With their lines."""
    lines: dict[int, Shown] = {}
    columns = ("sku", "name", "category", "quantity", "amount", "discount")
    for row in OrderLine.objects.filter(order__member__in=members).order_by("position").values("order", *columns):
        lines.setdefault(row.pop("order"), []).append(row)
    found = Order.objects.filter(member__in=members).order_by("placed_at", "pk")
    shown = ("source__code", "external_id", "placed_at", "amount", "refunded", "currency", "channel", "store")
    more = ("coupon_codes", "points_used", "recorded_at")
    return [_with(row, "items", lines) for row in found.values("pk", *shown, *more)]


def events(members: Sequence[int]) -> Shown:
    """With their personal properties, opened."""
    shown = ("source__code", "external_id", "type", "occurred_at", "properties", "recorded_at")
    rows = list(Event.objects.filter(member__in=members).order_by("occurred_at", "id").values("sealed", *shown))
    sealed = [bytes(row["sealed"]) for row in rows if row["sealed"]]
    opened = dict(zip(sealed, datakeys.open_for(sealed), strict=True))
    return [_whole(row, opened) for row in rows]


def refunds(members: Sequence[int]) -> Shown:
    lines: dict[int, Shown] = {}
    columns = ("sku", "quantity", "amount")
    for row in RefundLine.objects.filter(refund__member__in=members).order_by("position").values("refund", *columns):
        lines.setdefault(row.pop("refund"), []).append(row)
    found = Refund.objects.filter(member__in=members).order_by("refunded_at", "pk")
    shown = ("source__code", "external_id", "order__external_id", "refunded_at", "amount", "recorded_at")
    return [_with(row, "items", lines) for row in found.values("pk", *shown)]


def merged(members: Sequence[int]) -> Shown:
    """Those that are one person with the member, as they were."""
    columns = ("id", "registered_at", "attributes", "synthetic", "created_at")
    return [*Member.objects.filter(merged_into__in=members).order_by("pk").values(*columns)]


def merges(members: Sequence[int]) -> Shown:
    """Whichever of the two the member was."""
    found = Merge.objects.filter(Q(keep__in=members) | Q(drop__in=members)).order_by("pk")
    return [dict(row) for row in found.values("keep", "drop", "at", "undone_at")]


def candidates(members: Sequence[int]) -> Shown:
    """Whichever of the two the member is."""
    found = MergeCandidate.objects.filter(Q(low__in=members) | Q(high__in=members)).order_by("pk")
    return [dict(row) for row in found.values("low", "high", "state", "score", "made_at", "decided_at")]


def _whole(row: dict[str, Any], opened: dict[bytes, str | None]) -> dict[str, Any]:
    text = opened.get(bytes(row["sealed"])) if row["sealed"] else None
    whole = {key: value for key, value in row.items() if key != "sealed"}
    return whole | {"properties": row["properties"] | (json.loads(text) if text else {})}


def _with(row: dict[str, Any], name: str, lines: dict[int, Shown]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "pk"} | {name: lines.get(row["pk"], [])}
