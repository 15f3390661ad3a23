"""The kinds of file: which columns each knows, and how its rows become what ingest takes.

A row without an id of its own (only events may) gets one from what it says and how often the file said it before: the same file
again, whole or from where it was killed, names the same rows, and an event that stands twice is two events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

import msgspec
from django.utils.translation import gettext as _

from cdp.ingest.files import cells
from cdp.ingest.files.cells import Bad
from cdp.ingest.files.lines import flat, in_one_order, line_of
from cdp.ingest.files.terms import Made, Row, Terms, identities_of


@dataclass(frozen=True)
class Kind:
    name: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    build: Callable[[Sequence[Row], Terms], list[Made]]
    by: str = ""  # rows with the same value here are one thing together
    rest: str = ""  # where other columns go; "" leaves them out
    member: str = ""  # whether its rows may or must name a member


def _must_name(row: Row, terms: Terms) -> list[str]:
    if identities := identities_of(row, terms):
        return identities
    raise Bad(terms.members[0], "required", _("this row names no member"))


def _rest(row: Row, terms: Terms) -> Row:
    return {name: cells.free(row[name]) for name in terms.rest if row[name] not in (None, "")}


def _filled(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in (None, "", [])}


def _member(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    registered = cells.instant(row, "registered_at", terms.zone)
    return _filled({"registered_at": registered, "tags": cells.parts(row, "tags")}) | {
        "identities": _must_name(row, terms),
        "attributes": _attributes(row, terms),
    }


def _attributes(row: Row, terms: Terms) -> Row:
    """What is declared by its type, the rest as it stands; an empty cell says nothing."""
    said = _rest(row, terms)
    typed = {
        name: cells.attribute(row, name, terms.declared[name], terms.zone)
        for name in said.keys() & terms.declared.keys()
    }
    return {name: value for name, value in (said | typed).items() if value is not None}


def _consent(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    said: Row = {name: cells.text(row, name, needed=True) for name in ("channel", "purpose", "state")}
    said |= {
        "at": cells.instant(row, "at", terms.zone, needed=True),
        "evidence": cells.text(row, "evidence"),
        "wording": cells.text(row, "wording"),
        "guardian": cells.text(row, "guardian"),
    }
    return {"identities": _must_name(row, terms), "consents": [said]}


def _event(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    at = cells.instant(row, "occurred_at", terms.zone, needed=True)
    assert at is not None
    event = {
        "type": cells.text(row, "type", needed=True),
        "occurred_at": at.astimezone(UTC),
        "identities": _must_name(row, terms),
        "properties": _rest(row, terms),
    }
    return {"id": cells.text(row, "id") or _own_id(event, terms), **event}


def _own_id(event: Row, terms: Terms) -> str:
    content = hashlib.sha256(msgspec.json.encode(event, order="sorted")).hexdigest()[:32]
    terms.said[content] += 1
    return f"row:{content}:{terms.said[content]}"


def _product(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    days = cells.number(row, "replenish_days")
    if days is not None and days != int(days):
        raise Bad("replenish_days", "invalid_number", _("a number of days is whole and above 0"))
    product = {"sku": cells.text(row, "sku", needed=True), "attributes": _rest(row, terms)}
    product |= {name: cells.text(row, name) for name in ("name", "brand")}
    product |= _filled(
        {
            "price": cells.money(row, "price"),
            "launched_at": cells.instant(row, "launched_at", terms.zone),
            "replenish_days": None if days is None else int(days),
        }
    )
    return product | {"category": cells.parts(row, "category")}


def _refund(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    return {
        "id": cells.text(row, "id", needed=True),
        "order_id": cells.text(row, "order_id", needed=True),
        "refunded_at": cells.instant(row, "refunded_at", terms.zone, needed=True),
        "amount": cells.money(row, "amount", needed=True),
    }


def _order(rows: Sequence[Row], terms: Terms) -> Row:
    (row,) = rows
    order = {
        "id": cells.text(row, "id", needed=True),
        "identities": identities_of(row, terms),
        "placed_at": cells.instant(row, "placed_at", terms.zone, needed=True),
        "amount": cells.money(row, "amount", needed=True),
        "currency": cells.text(row, "currency") or terms.currency,
        "coupon_codes": cells.parts(row, "coupon_codes"),
    }
    points = cells.number(row, "points_used")
    return order | _filled(
        {
            "channel": cells.text(row, "channel"),
            "store": cells.text(row, "store"),
            "exchange_of": cells.text(row, "exchange_of"),
            "points_used": None if points is None else str(points),
        }
    )


def _items(rows: Sequence[Row], terms: Terms) -> Row:
    lines = [
        line_of(row, cells.quantity(row, "quantity"), cells.money(row, "amount", needed=True) or 0) for row in rows
    ]
    return {"order_id": cells.text(rows[0], "order_id", needed=True), "items": in_one_order(lines)}


def _alone(takes: str, build: Callable[[Sequence[Row], Terms], Row]) -> Callable[[Sequence[Row], Terms], list[Made]]:
    """All rows make one thing."""
    return lambda rows, terms: [Made(takes, build(rows, terms), range(len(rows)))]


KINDS = (
    Kind("members", ("registered_at", "tags"), (), _alone("members", _member), rest="attributes", member="must"),
    Kind(
        "orders",
        ("id", "placed_at", "amount", "currency", "channel", "store", "coupon_codes", "points_used", "exchange_of"),
        ("id", "placed_at", "amount"),
        _alone("orders", _order),
        member="may",
    ),
    Kind(
        "order_items",
        ("order_id", "sku", "name", "category", "quantity", "amount", "discount"),
        ("order_id", "sku", "quantity", "amount"),
        _alone("order_items", _items),
        by="order_id",
    ),
    Kind(
        "order_lines",
        (
            *("id", "placed_at", "sku", "name", "category", "quantity", "amount", "unit_price", "discount"),
            *("channel", "store", "currency", "order_id", "exchange_of"),
        ),
        ("id", "placed_at", "sku", "quantity"),
        flat,
        by="id",
        member="may",
    ),
    Kind(
        "products",
        ("sku", "name", "brand", "category", "price", "launched_at", "replenish_days"),
        ("sku",),
        _alone("products", _product),
        rest="attributes",
    ),
    Kind(
        "refunds",
        ("id", "order_id", "refunded_at", "amount"),
        ("id", "order_id", "refunded_at", "amount"),
        _alone("refunds", _refund),
    ),
    Kind(
        "events",
        ("id", "type", "occurred_at"),
        ("type", "occurred_at"),
        _alone("events", _event),
        rest="properties",
        member="must",
    ),
    Kind(
        "consents",
        ("channel", "purpose", "state", "at", "evidence", "wording", "guardian"),
        ("channel", "purpose", "state", "at"),
        _alone("members", _consent),
        member="must",
    ),
)
# What may be said once for all rows of a file, besides what each kind needs of every row.
FOR_ALL = {
    "orders": ("channel", "store"),
    "order_lines": ("channel", "store"),
    "events": ("type",),
    "consents": ("channel", "purpose", "state", "evidence"),
}
BY_NAME = {kind.name: kind for kind in KINDS}
