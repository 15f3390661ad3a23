"""Columns of many rows, written at once for `unnest(%s::type[], ...)`.

Handed a list, the adapter asks each value anew what it is and how it is quoted: 1.3 µs a value, more than the row costs that is
made of it. Here the JSON encoder writes them all; its arrays are PostgreSQL's but for the brackets and the rarer escapes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

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
