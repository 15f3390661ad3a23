"""Rows that are one thing together, wherever they stand in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cdp.ingest.files.table import Raw, Table


def groups(table: Table, at: int | None, *, drop_repeated: bool = False) -> Iterator[tuple[list[Raw], int]]:
    """Lists of rows, each with how many exact repetitions of a line it had; rows alone when nothing groups them.

    A first reading finds where each group ends, so that only groups under way are held, not the file.
    """
    if at is None:
        yield from (([row], 0) for row in table.again())
        return
    last = {_key(row, at): n for n, row in enumerate(table.again())}
    waiting: dict[Any, list[Raw]] = {}
    for n, row in enumerate(table.again()):
        key = _key(row, at)
        waiting.setdefault(key, []).append(row)
        if last[key] == n:
            yield _once(waiting.pop(key), drop_repeated)


def _key(row: Raw, at: int) -> Any:
    """A row that cannot be read, or has no id, stands alone."""
    if row.fault is None or (row.fault[0] in ("encoding", "cells") and len(row.cells) > at):
        value = row.cells[at]
        return (value.strip() if isinstance(value, str) else str(value)) or row.line
    return row.line


def _once(rows: list[Raw], drop: bool) -> tuple[list[Raw], int]:
    if len(rows) == 1:
        return rows, 0
    first = {repr(row.cells): row for row in reversed(rows)}
    repeated = len(rows) - len(first)
    return ([row for row in rows if first[repr(row.cells)] is row] if drop and repeated else rows), repeated


def position(columns: Sequence[str], by: str) -> int | None:
    return list(columns).index(by) if by else None
