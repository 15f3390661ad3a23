"""Columns of many rows, written at once: as arrays for `unnest(%s::type[], ...)`, or as the lines that COPY reads.

Handed a list, the adapter asks each value anew what it is and how it is quoted: 1.3 µs a value, more than the row costs that is
made of it. Here the JSON encoder writes them all; its arrays are PostgreSQL's but for the brackets and the rarer escapes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

Value = str | int | bool | datetime | None


def column(values: Collection[Value]) -> str:
    """Texts (of JSON too), whole numbers, truth values and instants as the text of an array; None is null."""
    text = msgspec.json.encode(values if isinstance(values, (list, tuple)) else list(values)).decode()
    if "\\" in text and "\\" in text.replace("\\\\", "").replace('\\"', ""):
        return "{" + ",".join(map(_quoted, values)) + "}"
    return "{" + text[1:-1] + "}"


def _quoted(value: Value) -> str:
    """With a control character in it, which JSON writes otherwise."""
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bytea(values: Sequence[bytes | None]) -> str:
    return "{" + ",".join(["null" if value is None else f'"\\\\x{value.hex()}"' for value in values]) + "}"


def lines(*columns: Iterable[str]) -> str:
    """Rows as COPY reads them, of columns that are written by the functions below."""
    return "".join(["\t".join(row) + "\n" for row in zip(*columns, strict=True)])


def numbers(values: Iterable[int | None]) -> list[str]:
    return [r"\N" if value is None else str(value) for value in values]


def instants(values: Sequence[datetime]) -> list[str]:
    return msgspec.json.encode(values).decode()[1:-1].replace('"', "").split(",")


def texts(values: Sequence[str]) -> list[str]:
    if "\\" not in msgspec.json.encode(values).decode():
        return list(values)  # nothing in them that is written otherwise
    return [value.translate(_ESCAPED) for value in values]


def json(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """JSON writes control characters by escapes, so a backslash is all that COPY would read otherwise."""
    return [_JSON.encode(value).decode().replace("\\", r"\\") for value in values]


def binary(values: Iterable[bytes | None]) -> list[str]:
    return [r"\N" if value is None else rf"\\x{value.hex()}" for value in values]


_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_JSON = msgspec.json.Encoder()
