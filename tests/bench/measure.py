"""CPU seconds of this process and of its database session: shared machines make wall time lie."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from django.db import connection

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Spent:
    client: float = 0.0
    server: float = 0.0  # 0 when the server runs on another machine
    private: float = 0.0  # MB of memory that the session had to itself, at most; shared buffers are not its own

    @property
    def both(self) -> float:
        return self.client + self.server


@contextmanager
def spent() -> Iterator[Spent]:
    """Of one session: one that ended meanwhile would take its figures along, so none ends by its age."""
    connection.settings_dict["CONN_MAX_AGE"] = None
    connection.close_at = None
    figure = Spent()
    pid = _session()
    before = time.process_time(), _of(pid)
    over = Event()
    watch = Thread(target=_watch, args=(pid, figure, over))
    watch.start()
    try:
        yield figure
    finally:
        over.set()
        watch.join()
    figure.client, figure.server = time.process_time() - before[0], _of(pid) - before[1]
    assert _session() == pid


def _watch(pid: int, figure: Spent, over: Event) -> None:
    while not over.wait(0.05):
        figure.private = max(figure.private, _private(pid))


def _private(pid: int) -> float:
    """Anonymous memory of a process here, in MB."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def _session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _of(pid: int) -> float:
    """User and system time of a process here, in seconds: to the nanosecond where the kernel counts so."""
    at = Path(f"/proc/{pid}")
    if not at.exists() or b"postgres" not in (at / "cmdline").read_bytes():
        return 0.0
    if (exact := at / "schedstat").exists():
        return int(exact.read_text().split()[0]) / 1e9
    user, system = (at / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICK
