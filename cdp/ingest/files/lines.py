"""Order lines: an order from its lines, and refunds from those below zero."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from cdp import placeholders
from cdp.ingest.files import cells
from cdp.ingest.files.terms import Made, Row, Terms, identities_of

# What the lines of one order agree on, besides their member.
ONE_ORDER = ("channel", "store", "currency", "exchange_of")


def flat(rows: Sequence[Row], terms: Terms) -> list[Made]:
    """An order from its lines, and refunds from those below zero: of the orders that they name, else of none."""
    counted = [_counted(row) for row in rows]
    first = _agreed(rows, terms)
    at = [_placed(row, terms) for row in rows]
    whose = {
        "identities": identities_of(first, terms),
        "currency": cells.text(first, "currency") or terms.currency,
    }
    number = cells.text(first, "id", needed=True)
    sold = [n for n, (quantity, amount) in enumerate(counted) if quantity >= 0 and amount >= 0]
    made = []
    if sold:
        lines = [line_of(rows[n], *counted[n]) for n in sold]
        # Till clocks tick while a receipt prints: the order was placed with its first line.
        order = {"id": number, "placed_at": min(at[n] for n in sold), "amount": sum(line["amount"] for line in lines)}
        order |= {name: cells.text(first, name) for name in ("channel", "store", "exchange_of")}
        made.append(Made("orders", order | whose | {"items": in_one_order(lines)}, sold))
    for named, back in _given_back(rows, sold).items():
        lines = [_back(rows[n], *counted[n]) for n in back]
        refund = {"refunded_at": min(at[n] for n in back), "amount": sum(line["amount"] for line in lines)}
        refund |= {"id": _refund_id(number, named), "items": in_one_order(lines)}
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
        found.setdefault("" if placeholders.names_nobody("order_id", named) else named, []).append(n)
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


def line_of(row: Row, quantity: int | Decimal, amount: int) -> Row:
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


def in_one_order(lines: list[Row]) -> list[Row]:
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
