"""What was not stored, beside the file: line, column, code, reason and the row itself, to be mended and imported again.

Only its owner may read it, since it holds what the file held. It takes its name when it is whole.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cdp.ingest.files.reading import guarded
from cdp.ingest.files.table import TOLD, Table


class Reject(NamedTuple):
    line: int
    column: str  # as the file calls it
    code: str
    reason: str
    cells: Sequence[Any]


class RejectsFile:
    def __init__(self, beside: Path, table: Table) -> None:
        self.path = beside.with_name(beside.name + ".rejects.csv")
        self.part = beside.with_name(f".{beside.name}.rejects.part")
        self.table = table
        self.stream: io.TextIOWrapper | None = None

    def write(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        if self.stream is None:
            self.part.unlink(missing_ok=True)
            opened = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            # With the mark, a spreadsheet reads its Chinese as Chinese.
            self.stream = io.TextIOWrapper(os.fdopen(opened, "wb"), "utf-8-sig", newline="")
            self.writer = csv.writer(self.stream, delimiter=self.table.delimiter)
            self.writer.writerow([*TOLD, *self.table.columns])
        for reject in sorted(rejects):
            self.writer.writerow([reject.line, *map(_cell, [*reject[1:4], *reject.cells])])

    def close(self) -> str:
        """Its path, or "" when nothing was rejected; then one of an earlier run goes too."""
        if self.stream is None:
            self.path.unlink(missing_ok=True)
            return ""
        self.stream.close()
        self.part.replace(self.path)
        return str(self.path)


def _cell(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else guarded(str(value))
