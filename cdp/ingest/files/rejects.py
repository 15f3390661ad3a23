"""What was not stored: line, column, code, reason and the row itself, to be mended and imported again."""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from cdp.ingest.files.reading import guarded
from cdp.ingest.files.table import TOLD, Table

BESIDE = ".rejects.csv"  # after the name of the file


class Reject(NamedTuple):
    line: int
    column: str  # as the file calls it
    code: str
    reason: str
    cells: Sequence[Any]


class Rejects(ABC):
    """Written to where `_open` says, once there is one."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.stream: io.TextIOWrapper | None = None

    @abstractmethod
    def _open(self) -> IO[bytes]: ...

    def write(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        if self.stream is None:
            # With the mark, a spreadsheet reads its Chinese as Chinese.
            self.stream = io.TextIOWrapper(self._open(), "utf-8-sig", newline="")
            self.writer = csv.writer(self.stream, delimiter=self.table.delimiter)
            self.writer.writerow([*TOLD, *self.table.columns])
        for reject in sorted(rejects):
            self.writer.writerow([reject.line, *map(_cell, [*reject[1:4], *reject.cells])])

    @abstractmethod
    def close(self) -> str:
        """Where they are, or "" when nothing was rejected."""


class RejectsFile(Rejects):
    """Beside the file. Only its owner may read it, since it holds what the file held. It takes its name when it is whole."""

    def __init__(self, beside: Path, table: Table) -> None:
        super().__init__(table)
        self.path = beside.with_name(beside.name + BESIDE)
        self.part = beside.with_name(f".{beside.name}.rejects.part")

    def _open(self) -> IO[bytes]:
        self.part.unlink(missing_ok=True)
        return os.fdopen(os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def close(self) -> str:
        """One of an earlier run goes when nothing was rejected."""
        if self.stream is None:
            self.path.unlink(missing_ok=True)
            return ""
        self.stream.close()
        self.part.replace(self.path)
        return str(self.path)


class RejectsInto(Rejects):
    """Into a stream that somebody else keeps."""

    def __init__(self, into: IO[bytes], name: str, table: Table) -> None:
        super().__init__(table)
        self.into, self.name = into, name

    def _open(self) -> IO[bytes]:
        return self.into

    def close(self) -> str:
        if self.stream is None:
            return ""
        self.stream.flush()
        self.stream.detach()
        return self.name


def _cell(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else guarded(str(value))
