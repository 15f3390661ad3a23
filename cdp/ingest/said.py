"""Which of the fields that a row may leave out its rows said: counted as they come in, so that how complete a source is costs
nothing to ask. A field is `identity:KIND`, `attribute:NAME`, `property:TYPE:NAME` with `type:TYPE` beside it, or a row's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from cdp.identity import Key

EMPTY: tuple[Any, ...] = (None, "", [], {})  # what leaves a field out though it is named
FLAGS = {"synthetic", "discount", "exchange_of"}  # their absence says something too
SPREAD = {"identities", "attributes", "properties", "items"}  # counted by what is in them


@dataclass
class Said:
    of: int = 0  # rows that were counted
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, other: Said) -> None:
        self.of += other.of
        self.fields.update(other.fields)

    def most(self, number: int) -> dict[str, int]:
        """The fields that are said most often: a partner who makes up names must not fill the log with them."""
        return dict(sorted(self.fields.most_common(number)))


def count(rows: Iterable[tuple[msgspec.Struct, Collection[Key]]]) -> Said:
    """Rows of one kind, each with the identities that it names."""
    found = Said()
    for row, keys in rows:
        found.of += 1
        found.fields.update(_said(row, keys))
    return found


def _said(row: Any, keys: Collection[Key]) -> list[str]:
    names = [name for name in _optional(row.__class__) if getattr(row, name) not in (*EMPTY, "0")]
    if keys:
        names += {f"identity:{key.kind}" for key in keys}
    if attributes := getattr(row, "attributes", None):
        names += _filled("attribute", attributes)
    if event := getattr(row, "type", None):
        names.append(f"type:{event}")
        names += _filled(f"property:{event}", row.properties)
    if items := getattr(row, "items", None):
        names.append("items")
        if all(getattr(line, "category", None) for line in items):
            names.append("category")
    return names


def _filled(prefix: str, values: Mapping[str, Any]) -> list[str]:
    return [f"{prefix}:{name[:100]}" for name, value in values.items() if value not in EMPTY]


@cache
def _optional(shape: type[msgspec.Struct]) -> tuple[str, ...]:
    left_out = FLAGS | SPREAD
    return tuple(f.name for f in msgspec.structs.fields(shape) if not f.required and f.name not in left_out)


@cache
def fields_of(shape: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that every row of this shape may say, whether any did or not."""
    names = _optional(shape)
    if "items" not in shape.__struct_fields__:
        return names
    [line] = get_args(get_type_hints(shape)["items"])
    return (*names, "items", "category") if "category" in line.__struct_fields__ else (*names, "items")
