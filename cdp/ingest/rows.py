"""The shape of each kind of row, and how a row that does not fit is described to who sent it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from cdp import consents, describing, identity, placeholders, tags
from cdp.errors import InvalidIdentity, InvalidTag, Rejected
from config.ground import instants, strict, texts

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Short = Annotated[str, Meta(max_length=50)]
Name = Annotated[str, Meta(max_length=200)]
# A trillion fen: far above any order, far below what 64 bits and sums over members carry.
Fen = Annotated[int, Meta(ge=0, le=10**12)]
Instant = Annotated[datetime, Meta(tz=True)]
Levels = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=8)]
Identities = Annotated[list[str], Meta(max_length=20)]
Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,49}$")]

# What the feed calls other facts, by their own numbers; and a dot is in the types of our own events (`stage.entered`).
OURS = {"order", "refund", "member", "history"}
MOST = 10**18  # any number that a partner may say
MOST_PIECES, FINEST = 10**11, 3  # of one line, and its decimals: what its column holds
DEEPEST = 20  # levels within a row
_BOXES, _NUMBERS = {dict, list}, {int, float}


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: int | Decimal
    amount: Fen
    name: Name = ""
    category: Levels = []
    discount: Fen = 0


class OrderRow(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    placed_at: Instant
    amount: Fen
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    identities: Identities = []
    channel: Short = ""
    store: Short = ""
    items: Annotated[list[Line], Meta(max_length=5000)] = []  # a wholesaler's invoice has more than a thousand
    coupon_codes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=20)] = []
    points_used: Annotated[str, Meta(pattern=r"^[0-9]{1,14}(\.[0-9]{1,2})?$")] = "0"
    exchange_of: Annotated[str, Meta(max_length=200)] = ""  # the id of the order whose goods it takes the place of


class ItemsRow(Struct, frozen=True, forbid_unknown_fields=True):
    """All lines of an order that came without any."""

    order_id: Id
    items: Annotated[list[Line], Meta(min_length=1, max_length=5000)]


class EventRow(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    type: Kind
    occurred_at: Instant
    identities: Annotated[list[str], Meta(min_length=1, max_length=20)]
    properties: dict[str, Any] = {}


class ConsentRow(Struct, frozen=True, forbid_unknown_fields=True):
    channel: Short
    purpose: Short
    state: Annotated[str, Meta(pattern="^(granted|withdrawn)$")]
    at: Instant
    evidence: Name = ""
    wording: Short = ""  # the version of the words that were shown
    guardian: Annotated[str, Meta(max_length=100)] = ""  # who consents for somebody below fourteen


class MemberRow(Struct, frozen=True, forbid_unknown_fields=True):
    identities: Annotated[list[str], Meta(min_length=1, max_length=20)]
    attributes: dict[str, Any] = {}
    consents: Annotated[list[ConsentRow], Meta(max_length=50)] = []
    tags: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=100)] = []
    registered_at: Instant | None = None
    synthetic: bool = False  # personal details were generated, not given


class ProductRow(Struct, frozen=True, forbid_unknown_fields=True):
    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    name: Name = ""
    brand: Annotated[str, Meta(max_length=100)] = ""
    category: Levels = []
    attributes: dict[str, Any] = {}
    price: Fen | None = None
    launched_at: Instant | None = None
    replenish_days: Annotated[int, Meta(ge=1, le=3660)] | None = None


class RefundLineRow(Struct, frozen=True, forbid_unknown_fields=True):
    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: int | Decimal
    amount: Fen


class RefundRow(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    order_id: Id
    refunded_at: Instant
    amount: Annotated[int, Meta(ge=1, le=10**12)]
    items: Annotated[list[RefundLineRow], Meta(max_length=1000)] = []


class ReturnRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What a till took back without saying of which order."""

    id: Id
    refunded_at: Instant
    amount: Fen
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    items: Annotated[list[RefundLineRow], Meta(min_length=1, max_length=5000)]
    identities: Identities = []


Row = OrderRow | ItemsRow | EventRow | MemberRow | ProductRow | RefundRow | ReturnRow
TYPES: dict[str, type[Row]] = {
    "orders": OrderRow,
    "order_items": ItemsRow,
    "events": EventRow,
    "members": MemberRow,
    "products": ProductRow,
    "refunds": RefundRow,
    "returns": ReturnRow,
}
WITH_LINES = {shape for shape in TYPES.values() if "items" in shape.__struct_fields__}
NAMES = {name for shape in (*TYPES.values(), Line, ConsentRow, RefundLineRow) for name in shape.__struct_fields__}


def parse(
    kind: str, raw: Sequence[Any], *, currency: str, now: datetime
) -> tuple[list[tuple[int, Any, list[identity.Key]]], list[Rejected]]:
    """Rows that fit as (index, row, identity keys), and the others as rejections. A row may be a mapping or its struct."""
    wanted = TYPES[kind]
    good, rejected = [], []
    for index, item in enumerate(_at_once(raw, wanted) or raw):
        try:
            row = item if isinstance(item, wanted) else _read(item, wanted)
            _check(row, currency=currency, now=now)
            good.append((index, row, _keys(row)))
        except msgspec.ValidationError as error:
            fault = strict.explain(str(error))
            rejected.append(Rejected(index, fault.path, fault.code, fault.message))
        except _Refused as error:
            rejected.append(Rejected(index, error.path, error.code, error.message))
    return good, rejected


def _at_once(raw: Sequence[Any], wanted: type[Row]) -> Sequence[Row] | None:
    """All rows, when each fits as nearly all do: a tenth of what it costs to read them one by one. None: a row may not fit."""
    if wanted in WITH_LINES or not _all_storable(raw):
        return None
    try:
        return msgspec.convert(raw, list[wanted], strict=True)  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return None


def _all_storable(raw: Sequence[Any]) -> bool:
    """Whether surely no row says what the database cannot hold (see _storable): level by level through all of them at once."""
    level: Sequence[Any] = raw
    for _depth in range(DEEPEST + 1):
        if not set(map(type, level)) <= _BOXES:
            return False
        values = [value for box in level for value in (box.values() if type(box) is dict else box)]
        found = set(map(type, values))
        if found & _NUMBERS and not all(-MOST < value < MOST for value in values if type(value) in _NUMBERS):
            return False
        if not found & _BOXES:
            return b"\\u0000" not in msgspec.json.encode(raw)  # as the encoder writes NUL
        level = [value for value in values if type(value) in _BOXES]
    return False


def _read(item: Any, wanted: type[Row]) -> Row:
    if isinstance(item, dict):
        _storable(item)
    if wanted in WITH_LINES:
        _plain_quantities(item)
    return msgspec.convert(item, wanted, strict=True)


def _plain_quantities(row: Any) -> None:
    """A quantity may be a text; Python would read 1_000 and full-width digits in it, and other readers would not."""
    lines = row.get("items") if isinstance(row, dict) else None
    for n, line in enumerate(lines if isinstance(lines, list) else ()):
        quantity = line.get("quantity") if isinstance(line, dict) else None
        if isinstance(quantity, str) and (not quantity.isascii() or "_" in quantity or quantity != quantity.strip()):
            raise _Refused(f"items[{n}].quantity", "wrong_form", _("write a number with the digits 0-9 only"))


class _Refused(Exception):
    def __init__(self, path: str, code: str, message: str) -> None:
        self.path, self.code, self.message = path, code, message


def _check(row: Row, *, currency: str, now: datetime) -> None:
    """What a type alone cannot say."""
    if isinstance(row, EventRow):
        _instant("occurred_at", row.occurred_at, now)
        if row.type in OURS or "." in row.type:
            raise _Refused("type", "reserved", _("this name is one of ours; take another"))
    elif isinstance(row, OrderRow):
        _instant("placed_at", row.placed_at, now)
        _currency(row.currency, currency)
        _shown("channel", row.channel)
        _shown("store", row.store)
        for n, line in enumerate(row.items):
            _shown(f"items[{n}].name", line.name)
        if row.exchange_of == row.id:
            raise _Refused("exchange_of", "itself", _("an order is not exchanged for itself"))
        _quantities(row.items)
    elif isinstance(row, RefundRow | ReturnRow):
        if isinstance(row, ReturnRow):
            _currency(row.currency, currency)
        _instant("refunded_at", row.refunded_at, now)
        _quantities(row.items)
    elif isinstance(row, MemberRow):
        if row.registered_at:
            _instant("registered_at", row.registered_at, now)
        for n, consent in enumerate(row.consents):
            _instant(f"consents[{n}].at", consent.at, now)
            if fault := consents.unknown(consent.channel, consent.purpose):
                raise _Refused(f"consents[{n}].{fault.path}", fault.code, fault.message)
        if fault := describing.fault(row.attributes):
            raise _Refused(fault.path, fault.code, fault.message)
        _tags(row.tags)
    elif isinstance(row, ProductRow):
        if row.launched_at:
            _instant("launched_at", row.launched_at, None)  # may be announced
        for path in ("name", "brand"):
            if wrong := texts.fault(getattr(row, path), 200):
                raise _Refused(path, *wrong)


def _currency(said: str, brands: str) -> None:
    if said != brands:
        raise _Refused("currency", "wrong_currency", _("this brand sells in %(currency)s") % {"currency": brands})


def _shown(path: str, text: str) -> None:
    """A text that people read."""
    if text and not _readable(text) and (wrong := texts.fault(text, 200)):
        raise _Refused(path, *wrong)


@lru_cache(maxsize=10_000)
def _readable(text: str) -> bool:
    return texts.fault(text, 200) is None


def _quantities(lines: Sequence[Line | RefundLineRow]) -> None:
    for n, line in enumerate(lines):
        if problem := _quantity(line.quantity):
            raise _Refused(f"items[{n}].quantity", *problem)


def _tags(said: Sequence[str]) -> None:
    for n, text in enumerate(said):
        try:
            tags.parse(text)
        except InvalidTag as error:
            raise _Refused(f"tags[{n}]", "invalid_tag", str(error)) from None


def _instant(path: str, at: datetime, now: datetime | None) -> None:
    if wrong := instants.fault(at, now=now):
        raise _Refused(path, *wrong)


def _keys(row: Row) -> list[identity.Key]:
    keys = []
    for n, text in enumerate(getattr(row, "identities", ())):
        try:
            keys.append(identity.parse(text))
        except InvalidIdentity as error:
            raise _Refused(f"identities[{n}]", "invalid_identity", str(error)) from None
    named = [key for key in keys if not placeholders.names_nobody(key.kind, key.value)]
    if keys and not named and isinstance(row, MemberRow | EventRow):
        raise _Refused("identities", "names_nobody", _("0, NULL and the like name nobody; leave out what is not known"))
    return named


def _storable(item: Any) -> None:
    """JSON can say what the database cannot hold: NUL in a text, numbers of any length, nesting without end.

    Level by level, without a path: 2 µs for a row that says none of it, a quarter of the walk that finds where it does.
    """
    level, depth = [item], 0
    while level:
        inner = []
        for box in level:
            if type(box) is dict and "\0" in "".join(box):
                return _walk(item)
            for value in box.values() if type(box) is dict else box:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif (kind is str and "\0" in value) or (kind in (int, float) and not abs(value) < MOST):
                    return _walk(item)
        level, depth = inner, depth + 1
    return _walk(item) if depth > DEEPEST else None


def _walk(value: Any, path: str = "", depth: int = 0) -> None:
    if depth > DEEPEST:
        raise _Refused(path, "too_deep", _("nested deeper than %(deepest)d levels") % {"deepest": DEEPEST})
    if isinstance(value, str) and "\x00" in value:
        raise _Refused(path, "nul", _("a text cannot contain the NUL character"))
    if isinstance(value, (int, float)) and not abs(value) < MOST:
        raise _Refused(path, "out_of_range", _("a number here is below 10^18"))
    if isinstance(value, dict):
        for key, item in value.items():
            _walk(key, path, depth + 1)
            _walk(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            _walk(item, f"{path}[{n}]", depth + 1)


def _quantity(quantity: int | Decimal) -> tuple[str, str] | None:
    """What is wrong with it: code and message."""
    if type(quantity) is int and 0 <= quantity < MOST_PIECES:
        return None  # nearly every line of nearly every order
    exact = Decimal(quantity)
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or not -20 <= exponent <= 20 or exact >= MOST_PIECES:
        return "out_of_range", _("a quantity is a number below 10^11")
    if exact >= 0 and exponent < -FINEST and exact != round(exact, FINEST):
        return "too_fine", _("a quantity has at most %(n)d decimals") % {"n": FINEST}
    if exact < 0:
        return "negative", _("a quantity is 0 or more; returns are refunds")
    return None
