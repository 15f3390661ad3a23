"""The kinds of file: which columns each knows, and how its rows become what ingest takes.

A row without an id of its own (only events may) gets one from what it says and how often the file said it before: the same file
again, whole or from where it was killed, names the same rows, and an event that stands twice is two events.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.utils.translation import gettext as _

from cdp.attributes import Declared
from cdp.ingest.files import cells
from cdp.ingest.files.cells import Bad
from cdp.ingest.files.mapping import names_member

Row = dict[str, Any]  # our column -> cell
ONE_ORDER = (
    "channel",
    "store",
    "currency",
    "exchange_of",
)  # what the lines of one order agree on, besides their member


@dataclass
class Terms:
    """What holds for every row of a file."""

    zone: str
    currency: str
    rest: list[str]  # columns that this kind does not know
    members: list[str]  # columns that name the member
    declared: dict[str, Declared]  # attributes that have a type
    said: Counter[str] = field(default_factory=Counter)  # events without an id, by what they say


class Made(NamedTuple):
    """One thing as ingest takes it, and which of the rows it was made of."""

    takes: str  # the kind that ingest knows
    item: Row
    rows: Sequence[int]


@dataclass(frozen=True)
class Kind:
    name: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    build: Callable[[Sequence[Row], Terms], list[Made]]
    by: str = ""  # rows with the same value here are one thing together
    rest: str = ""  # where other columns go; "" leaves them out
    member: str = ""  # whether its rows may or must name a member


def drop_placeholders(row: Row, terms: Terms) -> int:
    """Empty the cells that name nobody, so that all who are nobody do not become one member. Returns how many there were."""
    dropped = 0
    for column in terms.members:
        cell = row.get(column)
        if cell is None or cell == "":
            continue
        if column == "identities":
            said = cells.parts(row, column)
            row[column] = [one for one in said if not cells.names_nobody(*_named(one))]
            dropped += len(said) - len(row[column])
        elif not isinstance(cell, (list, dict)) and cells.names_nobody(column.partition("@")[0], str(cell)):
            dropped += bool(str(cell).strip())
            row[column] = ""
    return dropped


def _named(identity: str) -> tuple[str, str]:
    """Its kind and its value; what is no identity stays whole, to be refused."""
    name, colon, value = identity.partition(":")
    return name.partition("@")[0], value if colon else identity


def named_by(row: Row, terms: Terms) -> list[tuple[str, str]]:
    """(column, identity) of every filled column that names the member."""
    named = []
    for column in terms.members:
        if column == "identities":
            named += [(column, one) for one in cells.parts(row, column)]
        elif value := cells.text(row, column):
            named.append((column, f"{column}:{value}"))
    return named


def _identities(row: Row, terms: Terms) -> list[str]:
    return [one for _column, one in named_by(row, terms)]


def _must_name(row: Row, terms: Terms) -> list[str]:
    if identities := _identities(row, terms):
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
        "identities": _identities(row, terms),
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


def _line(row: Row, quantity: int | Decimal, amount: int) -> Row:
    line = {
        "sku": cells.text(row, "sku", needed=True),
        "name": cells.text(row, "name"),
        "category": cells.parts(row, "category"),
        "quantity": quantity,
        "amount": amount,
    }
    discount = cells.money(row, "discount")
    if discount:
        line["discount"] = discount
    return line


def _items(rows: Sequence[Row], terms: Terms) -> Row:
    lines = [_line(row, cells.quantity(row, "quantity"), cells.money(row, "amount", needed=True) or 0) for row in rows]
    return {"order_id": cells.text(rows[0], "order_id", needed=True), "items": _in_one_order(lines)}


def _flat(rows: Sequence[Row], terms: Terms) -> list[Made]:
    """An order from its lines, and refunds from those below zero: of the orders that they name, else of none."""
    counted = [_counted(row) for row in rows]
    first = _agreed(rows, terms)
    at = [_placed(row, terms) for row in rows]
    whose = {
        "identities": _identities(first, terms),
        "currency": cells.text(first, "currency") or terms.currency,
    }
    number = cells.text(first, "id", needed=True)
    sold = [n for n, (quantity, amount) in enumerate(counted) if quantity >= 0 and amount >= 0]
    made = []
    if sold:
        lines = [_line(rows[n], *counted[n]) for n in sold]
        # Till clocks tick while a receipt prints: the order was placed with its first line.
        order = {"id": number, "placed_at": min(at[n] for n in sold), "amount": sum(line["amount"] for line in lines)}
        order |= {name: cells.text(first, name) for name in ("channel", "store", "exchange_of")}
        made.append(Made("orders", order | whose | {"items": _in_one_order(lines)}, sold))
    for named, back in _given_back(rows, sold).items():
        lines = [_back(rows[n], *counted[n]) for n in back]
        refund = {"refunded_at": min(at[n] for n in back), "amount": sum(line["amount"] for line in lines)}
        refund |= {"id": _refund_id(number, named), "items": _in_one_order(lines)}
        if named:
            made.append(Made("refunds", refund | {"order_id": named}, back))
        else:
            made.append(Made("returns", refund | whose, back))
    return made


def _placed(row: Row, terms: Terms) -> datetime:
    at = cells.instant(row, "placed_at", terms.zone, needed=True)
    assert at is not None
    return at.astimezone(UTC)


def _given_back(rows: Sequence[Row], sold: Sequence[int]) -> dict[str, list[int]]:
    """The lines below zero by the order that they name ("": none)."""
    found: dict[str, list[int]] = {}
    for n in sorted(set(range(len(rows))).difference(sold)):
        named = cells.text(rows[n], "order_id")
        found.setdefault("" if cells.names_nobody("order_id", named) else named, []).append(n)
    return found


def _back(row: Row, quantity: int | Decimal, amount: int) -> Row:
    return {"sku": cells.text(row, "sku", needed=True), "quantity": abs(quantity), "amount": abs(amount)}


def _refund_id(number: str, named: str) -> str:
    """The same lines again are the same refund, and other lines under the same number a conflict."""
    said = f"lines:{number}:{named}" if named else f"lines:{number}"
    return said if len(said) <= 200 else f"lines:{hashlib.sha256(said.encode()).hexdigest()}"


def _agreed(rows: Sequence[Row], terms: Terms) -> Row:
    """What all lines that say anything about it say of their order. Raises Disagrees at the first that says otherwise."""
    agreed = dict(rows[0])
    for column in (*ONE_ORDER, *terms.members):
        for n, row in enumerate(rows):
            said = row.get(column)
            if agreed.get(column) in (None, ""):
                agreed[column] = said
            elif said not in (None, "", agreed[column]):
                raise Disagrees(n, column)
    return agreed


class Disagrees(Exception):
    def __init__(self, line: int, column: str) -> None:
        super().__init__(column)
        self.line, self.column = line, column


def _counted(row: Row) -> tuple[int | Decimal, int]:
    """Quantity and fen of a line; either below zero: something came back."""
    quantity, amount = cells.quantity(row, "quantity"), cells.money(row, "amount")
    if amount is None:
        price = cells.number(row, "unit_price", needed=True)
        amount = cells.rounded((price or Decimal(0)) * quantity)
    return quantity, amount


def _in_one_order(lines: list[Row]) -> list[Row]:
    """However a file sorts them, the same lines make the same order."""
    return sorted(
        lines,
        key=lambda line: (
            line["sku"],
            line["amount"],
            line["quantity"],
            line.get("name", ""),
            line.get("category", []),
        ),
    )


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
        _flat,
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


def members_of(names: Sequence[str]) -> list[str]:
    return [name for name in names if names_member(name)]
