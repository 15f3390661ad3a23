"""What every file looks like to those who read it: columns, and rows with the line that each begins on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

TOLD = ("line", "column", "code", "reason")  # what a rejects file says before the row itself


class Raw(NamedTuple):
    line: int
    cells: list[Any]
    fault: tuple[str, str] | None  # code and message: this is no row


@dataclass(frozen=True)
class Table:
    format: str  # csv, ndjson, parquet
    encoding: str
    delimiter: str
    columns: list[str]
    again: Callable[[], Iterator[Raw]]  # the rows, from the first, as often as asked
