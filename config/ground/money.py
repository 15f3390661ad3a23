"""Money is integer minor units (fen); decimals exist only at the edge."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def to_minor(major: Decimal | float | str) -> int:
    """19.99 -> 1999; half a fen rounds up. Floats are read through their shortest text."""
    return int((Decimal(str(major)) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def to_major(minor: int) -> Decimal:
    return Decimal(minor) / 100


SYMBOLS = {"CNY": "¥", "USD": "$"}


def show(minor: int, currency: str) -> str:
    """1999, "CNY" -> "¥19.99"."""
    return f"{SYMBOLS.get(currency, currency + ' ')}{to_major(minor):,.2f}"
