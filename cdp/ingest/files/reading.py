"""A file opened as a table, by its name and its first bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from django.utils.translation import gettext as _

from cdp.errors import Unreadable
from cdp.ingest.files import text
from cdp.ingest.files.table import TOLD, Raw, Table

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a cell that begins so
MOST_COLUMNS = 1000
AS_TEXT = ("TIMESTAMP", "DATE", "TIME", "DECIMAL", "UUID", "HUGEINT", "INTERVAL")
FETCHED = 10_000  # rows from DuckDB at a time


def open_table(path: Path, *, name: str = "", encoding: str = "", delimiter: str = "") -> Table:
    """Raises Unreadable. The table is read anew each time its rows are asked for. `name`: what people call the file."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise Unreadable(_("cannot read %(path)s: %(why)s") % {"path": name, "why": error.strerror}) from None
    if start in (b"", text.BOM):
        raise Unreadable(_("%(path)s is empty; its first line must name the columns") % {"path": name})
    if start == b"PAR1":
        return _parquet(path, name)
    encoding = text.encoding(path, encoding)
    if Path(name).suffix.lower() in (".ndjson", ".jsonl", ".json"):
        return _ndjson(path, name, encoding)
    return _csv(path, encoding, delimiter)


def _csv(path: Path, encoding: str, delimiter: str) -> Table:
    delimiter = delimiter or text.delimiter(text.first_line(path, encoding))
    header = next(text.rows(path, encoding, delimiter), None)
    if header is None or header.fault:
        raise Unreadable(
            _("the first line must name the columns; line %(line)d cannot be read")
            % {"line": header.line if header else 1}
        )
    names = [str(cell).strip() for cell in header.cells]
    mended = tuple(names[: len(TOLD)]) == TOLD  # a rejects file of ours
    columns = names[len(TOLD) :] if mended else names
    _named(columns)

    def again() -> Iterator[Raw]:
        rows = text.rows(path, encoding, delimiter)
        next(rows)
        for row in rows:
            if mended:
                row = Raw(row.line, [_plain(cell) for cell in row.cells[len(TOLD) :]], row.fault)
            if row.fault is None and len(row.cells) != len(columns):
                why = _("%(cells)d cells under %(columns)d columns") % {
                    "cells": len(row.cells),
                    "columns": len(columns),
                }
                row = Raw(row.line, row.cells, ("cells", why))
            yield row

    return Table("csv", encoding, delimiter, columns, again)


def guarded(cell: str) -> str:
    """As a rejects file says it: nothing that a spreadsheet computes. `_plain` takes it back."""
    return "'" + cell if cell.startswith((*DANGEROUS, "'")) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*DANGEROUS, "'")) else cell


def _named(columns: list[str]) -> None:
    if "" in columns:
        raise Unreadable(_("column %(number)d has no name") % {"number": columns.index("") + 1})
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise Unreadable(_("the column %(name)s stands twice") % {"name": twice[0]})
    if len(columns) > MOST_COLUMNS:
        raise Unreadable(_("a file has at most %(most)d columns") % {"most": MOST_COLUMNS})


def _ndjson(path: Path, name: str, encoding: str) -> Table:
    """An object a line. The columns are the names that stand anywhere in it."""
    columns: dict[str, None] = {}
    for _line, item, _lost in _documents(path, encoding):
        if isinstance(item, dict):
            columns.update(dict.fromkeys(item))
            _named(list(columns))
    if not columns:
        raise Unreadable(_("no line of %(path)s is a JSON object") % {"path": name})

    def again() -> Iterator[Raw]:
        for line, item, lost in _documents(path, encoding):
            if isinstance(item, dict):
                yield Raw(line, [item.get(name) for name in columns], text.lost() if lost else None)
            else:
                yield Raw(line, [item], ("malformed_json", _("this line is not one JSON object, each name once")))

    return Table("ndjson", encoding, ",", list(columns), again)


def _documents(path: Path, encoding: str) -> Iterator[tuple[int, Any, bool]]:
    """Each line as its object, or as its text where it is none; and whether characters of it were lost."""
    lines = text.Lines(path, encoding)
    try:
        for line in lines:
            lines.taken = []
            if line.strip() or lines.number in lines.too_long:
                escaped = "\\ufffd" in line or "\\uFFFD" in line
                yield lines.number, _object(line), escaped or lines.number in lines.lost
    finally:
        lines.close()


def _object(line: str) -> Any:
    with suppress(ValueError, RecursionError):
        item = json.loads(line, parse_float=Decimal, parse_constant=_never, object_pairs_hook=_once)
        if isinstance(item, dict) and ((line.isascii() and "\\ud" not in line.lower()) or _storable(item)):
            return item
    return text.UNDECODED.sub(text.LOST, line.rstrip("\r\n"))


def _storable(item: dict[str, Any]) -> bool:
    """No half characters: raises UnicodeEncodeError, a ValueError."""
    return bool(json.dumps(item, ensure_ascii=False, default=str).encode())


def _never(constant: str) -> Any:
    raise ValueError(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) != len(pairs):
        raise ValueError("a name stands twice")
    return item


def _parquet(path: Path, name: str) -> Table:
    """Instants and decimals are read as their text, so that no float comes between; a row's line is its number."""
    try:
        with duckdb.connect() as db:
            known = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise Unreadable(_("cannot read %(path)s: %(why)s") % {"path": name, "why": _without(path, error)}) from None
    columns = [column for column, *_rest in known]
    _named(columns)
    quoted = ['"' + column.replace('"', '""') + '"' for column in columns]
    selected = ", ".join(
        f"CAST({column} AS VARCHAR)" if type.startswith(AS_TEXT) and not type.endswith("]") else column
        for column, (_column, type, *_rest) in zip(quoted, known, strict=True)
    )

    def again() -> Iterator[Raw]:
        with duckdb.connect() as db:
            db.execute("SET TimeZone = 'UTC'")
            db.execute(f"SELECT {selected} FROM read_parquet(?)", [str(path)])
            line = 0
            while rows := db.fetchmany(FETCHED):
                for cells in rows:
                    line += 1
                    lost = any(isinstance(cell, str) and text.LOST in cell for cell in cells)
                    yield Raw(line, list(cells), text.lost() if lost else None)

    return Table("parquet", "", ",", columns, again)


def _without(path: Path, error: duckdb.Error) -> str:
    return str(error).split("\n")[0].replace(str(path), "")
