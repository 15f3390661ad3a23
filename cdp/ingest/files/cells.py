"""One cell as what it means, exactly: no float, no guessed offset, no silent rounding. `Bad` names the column."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cdp.attributes import Declared, Type

_NUMBER = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,9})?", re.ASCII)
# Also as spreadsheets write it: 2026/3/1 9:05.
_INSTANT = re.compile(
    r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
SPLIT = {"tags": ";", "coupon_codes": ";", "identities": ";", "category": ">"}


# What tills and spreadsheets write where nobody is named. A closed list (docs/files.md): a number on it names no member.


class Bad(Exception):
    """A cell that cannot be what its column says: the column by our name, code, message."""

    def __init__(self, column: str, code: str, message: str) -> None:
        super().__init__(code)
        self.column, self.code, self.message = column, code, message


def text(row: dict[str, Any], column: str, *, needed: bool = False) -> str:
    cell = row.get(column)
    if cell is None or cell == "":
        said = ""
    elif isinstance(cell, str):
        said = cell.strip()
    elif isinstance(cell, float) and cell.is_integer():
        said = str(int(cell))  # a column of numbers with gaps is kept as floats: 17850.0 is 17850
    elif isinstance(cell, (int, float, Decimal)) and not isinstance(cell, bool):
        said = str(cell)
    else:
        raise Bad(column, "wrong_type", _("must be a text or a number"))
    if needed and not said:
        raise Bad(column, "required", _("this field is required"))
    return said


def number(row: dict[str, Any], column: str, *, needed: bool = False) -> Decimal | None:
    said = text(row, column, needed=needed)
    if not said:
        return None
    value = _number(said)
    if value is None:
        raise Bad(column, "invalid_number", _("write a number in plain digits, like 1999.50"))
    return value


@lru_cache(maxsize=50_000)
def _number(said: str) -> Decimal | None:
    return Decimal(said) if _NUMBER.fullmatch(said) else None


def money(row: dict[str, Any], column: str, *, needed: bool = False) -> int | None:
    """Major units -> fen, exactly."""
    value = number(row, column, needed=needed)
    if value is None:
        return None
    fen = value * 100
    if fen != int(fen):
        raise Bad(column, "too_fine", _("money has at most two decimals here"))
    return int(fen)


def rounded(value: Decimal) -> int:
    """A product of price and quantity, in fen; half a fen away from zero."""
    return int((value * 100).quantize(Decimal(1), ROUND_HALF_UP))


def quantity(row: dict[str, Any], column: str) -> int | Decimal:
    value = number(row, column, needed=True)
    assert value is not None
    whole = int(value)
    if whole == value:
        return whole
    if value * 1000 != int(value * 1000):
        raise Bad(column, "too_fine", _("a quantity has at most three decimals"))
    return value.normalize()


def instant(row: dict[str, Any], column: str, zone: str, *, needed: bool = False) -> datetime | None:
    said = text(row, column, needed=needed)
    if not said:
        return None
    at = _instant(said, zone)
    if isinstance(at, datetime):
        return at
    if at == "naive_time":
        raise Bad(column, at, _("this time has no offset; say its zone with --timezone, like Asia/Shanghai"))
    raise Bad(column, at, _("not an instant; write it like 2026-03-01T10:00:00+08:00"))


@lru_cache(maxsize=50_000)
def _instant(said: str, zone: str) -> datetime | str:
    """The instant, or the code of what is wrong. An hour that a change of clock repeats is read as its first."""
    found = _INSTANT.fullmatch(said)
    if not found:
        return "invalid_time"
    year, _mark, month, day, hour, minute, second, fraction, offset = found.groups()
    clock = f"{int(hour or 0):02d}:{minute or '00'}:{second or '00'}{fraction or ''}"
    if not offset and not zone:
        return "naive_time"
    try:
        at = datetime.fromisoformat(f"{year}-{int(month):02d}-{int(day):02d}T{clock}{offset or ''}")
        return at if offset else at.replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return "invalid_time"


def parts(row: dict[str, Any], column: str, mark: str = "") -> list[str]:
    """Several values in one cell, or a list of texts."""
    cell = row.get(column)
    if not cell:
        return []
    if isinstance(cell, list):
        if not all(isinstance(part, str) for part in cell):
            raise Bad(column, "wrong_type", _("must be a list of texts"))
        return cell
    return list(_split(text(row, column).replace("；", ";"), mark or SPLIT[column]))


@lru_cache(maxsize=10_000)
def _split(said: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in said.split(mark) if part.strip())


YES = frozenset(("true", "yes", "y", "1", "是", "有", "对", "√"))
NO = frozenset(("false", "no", "n", "0", "否", "无", "没有", "×"))
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]0?0:00(?::00(?:\.0+)?)?)?", re.ASCII)


def attribute(row: dict[str, Any], column: str, declared: Declared, zone: str) -> Any:
    """A cell of a declared attribute as ingest takes it; None: not said. A value that has its type already stays."""
    cell = row.get(column)
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, (bool, list, dict)) and declared.type != Type.LIST:
        return cell
    return _ATTRIBUTE[declared.type](row, column, declared, zone)


def _as_number(row: dict[str, Any], column: str, declared: Declared, zone: str) -> int | float | None:
    value = number(row, column)
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def _as_boolean(row: dict[str, Any], column: str, declared: Declared, zone: str) -> bool:
    said = text(row, column).lower()
    if said in YES or said in NO:
        return said in YES
    raise Bad(column, "wrong_type", _("write yes or no (是 or 否)"))


def _as_date(row: dict[str, Any], column: str, declared: Declared, zone: str) -> str:
    found = _DAY.fullmatch(text(row, column))
    if not found:
        raise Bad(column, "invalid_date", _("a date like 1990-05-01"))
    year, month, day = found.groups()
    return f"{year}-{int(month):02}-{int(day):02}"


def _as_instant(row: dict[str, Any], column: str, declared: Declared, zone: str) -> str | None:
    at = instant(row, column, zone)
    return at.isoformat() if at else None


def _as_list(row: dict[str, Any], column: str, declared: Declared, zone: str) -> list[str]:
    return [part for part in parts(row, column, ";") if part]


_ATTRIBUTE: dict[str, Callable[[dict[str, Any], str, Declared, str], Any]] = {
    Type.TEXT: lambda row, column, declared, zone: text(row, column),
    Type.NUMBER: _as_number,
    Type.INTEGER: _as_number,
    Type.MONEY: lambda row, column, declared, zone: money(row, column),
    Type.BOOLEAN: _as_boolean,
    Type.DATE: _as_date,
    Type.INSTANT: _as_instant,
    Type.CHOICE: lambda row, column, declared, zone: declared.value_of(text(row, column)),
    Type.LIST: _as_list,
}


def free(cell: Any) -> Any:
    """An attribute or property as it is kept: texts as they are, a decimal as a JSON number."""
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, dict):
        return {name: free(item) for name, item in cell.items()}
    return [free(item) for item in cell] if isinstance(cell, list) else cell
