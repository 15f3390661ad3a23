"""What was taken, and what is still to be told. Both survive a restart: the log is on disk before a call is answered."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from connectors.sandbox import numbers


@dataclass(frozen=True)
class Accepted:
    out_id: str
    phone: str
    biz_id: str
    template: str
    sign: str
    params: dict[str, str]
    at: str  # Beijing time, like 2026-03-01 10:00:00
    barrier: int  # how many barriers had passed


@dataclass(frozen=True)
class Told:
    """One thing to be told of an accepted message, when so many barriers have passed."""

    of: Accepted
    what: str  # a receipt code, or REPLY
    due: int
    again: int = 0  # how often it was tried at a barrier in vain

    @property
    def id(self) -> list[Any]:
        return [self.of.biz_id, self.of.phone, self.what]


class Book:
    """`log` holds one line for each accepted message; `log`.told one for each thing told and each barrier."""

    def __init__(self, log: Path) -> None:
        self.lock = threading.RLock()
        self.barrier = 0
        self.stop = ""  # where the last barrier stood, as whoever passed it says
        self.accepted: list[Accepted] = []
        self.by_phone: dict[str, list[Accepted]] = defaultdict(list)
        self.pending: list[Told] = []
        self.status: dict[tuple[str, str], str] = {}  # (biz_id, phone) -> receipt code
        told_log = log.with_name(log.name + ".told")
        self._read(log, told_log)
        self._log, self._told_log = _append_to(log), _append_to(told_log)

    def _read(self, log: Path, told_log: Path) -> None:
        told: dict[tuple[Any, ...], int] = defaultdict(int)
        for line in _lines(told_log):
            if "barrier" in line:
                self.barrier, self.stop = line["barrier"], line.get("stop", "")
            if "told" in line:
                told[tuple(line["told"])] += 1
        for line in _lines(log):
            self._keep(Accepted(**line))
        waiting = []
        for item in self.pending:
            if told[tuple(item.id)] > 0:
                told[tuple(item.id)] -= 1
                self._note(item)
            else:
                waiting.append(item)
        self.pending = waiting

    def accept(self, rows: Sequence[Accepted]) -> None:
        """On disk first; then in mind."""
        with self.lock:
            self._log.write("".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))
            self._log.flush()
            os.fsync(self._log.fileno())
            for row in rows:
                self._keep(row)

    def _keep(self, row: Accepted) -> None:
        self.accepted.append(row)
        self.by_phone[row.phone].append(row)
        self.pending += [Told(row, what, row.barrier + delay) for what, delay in numbers.told(row.phone)]

    def pass_barrier(self, stop: str = "") -> list[Told]:
        """Take what is due now. At the same stop again, as after an interruption, it is the same barrier."""
        with self.lock:
            if not stop or stop != self.stop:
                self.barrier, self.stop = self.barrier + 1, stop
                self._write({"barrier": self.barrier, "stop": stop})
            return self._take(lambda item: item.due <= self.barrier)

    def due_at_once(self, biz_id: str) -> list[Told]:
        """Take what is told of a call before it is answered."""
        with self.lock:
            return self._take(lambda item: item.of.biz_id == biz_id and item.due == item.of.barrier)

    def _take(self, due: Any) -> list[Told]:
        taken = [item for item in self.pending if due(item)]
        self.pending = [item for item in self.pending if not due(item)]
        return taken

    def tell(self, items: Sequence[Told]) -> None:
        with self.lock:
            for item in items:
                self._note(item)
                self._write({"told": item.id})

    def put_back(self, items: Sequence[Told], *, tries: int) -> int:
        """For the next time that a barrier is passed; dropped after so many. Returns how many are dropped."""
        with self.lock:
            kept = [Told(i.of, i.what, self.barrier, i.again + 1) for i in items if i.again + 1 < tries]
            self.pending += kept
            return len(items) - len(kept)

    def _note(self, item: Told) -> None:
        if item.what != numbers.REPLY:
            self.status[item.of.biz_id, item.of.phone] = item.what

    def _write(self, line: dict[str, Any]) -> None:
        self._told_log.write(json.dumps(line) + "\n")
        self._told_log.flush()


def _append_to(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    file = path.open("a", encoding="utf-8")
    if torn:
        file.write("\n")
    return file


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: a kill may have torn the last one, whose call was never answered."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue
