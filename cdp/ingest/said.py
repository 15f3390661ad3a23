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
    """Rows of one kind, each with the identities that it names. Most fill the same fields: named once for all of them."""
    found, alike = Said(), Counter(_filled(row, keys) for row, keys in rows)
    for filled, number in alike.items():
        found.of += number
        for name in filled.names():
            found.fields[name] += number
    return found


class _Filled(msgspec.Struct, frozen=True):
    """What a row leaves out and what not."""

    optional: tuple[str, ...]
    identities: tuple[str, ...]  # their kinds
    attributes: tuple[str, ...]
    event: str  # its type
    properties: tuple[str, ...]
    items: bool
    category: bool

    def names(self) -> list[str]:
        names = [*self.optional, *(f"identity:{kind}" for kind in set(self.identities))]
        names += [f"attribute:{name[:100]}" for name in self.attributes]
        if self.event:
            names += [f"type:{self.event}", *(f"property:{self.event}:{name[:100]}" for name in self.properties)]
        return names + ["items"] * self.items + ["category"] * self.category


def _filled(row: Any, keys: Collection[Key]) -> _Filled:
    items = getattr(row, "items", None) or ()
    return _Filled(
        tuple([name for name in _optional(row.__class__) if getattr(row, name) not in (*EMPTY, "0")]),
        tuple([key.kind for key in keys]),
        _said(getattr(row, "attributes", None) or {}),
        getattr(row, "type", ""),
        _said(getattr(row, "properties", None) or {}),
        bool(items),
        bool(items) and all(getattr(line, "category", None) for line in items),
    )


def _said(values: Mapping[str, Any]) -> tuple[str, ...]:
    if all(values.values()):  # what is empty is false
        return tuple(values)
    return tuple([name for name, value in values.items() if value not in EMPTY])


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
