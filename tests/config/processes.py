"""What is running, read from /proc: zombies that nobody has collected yet do not count."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def _all() -> list[tuple[int, int, int]]:
    """(pid, parent, group) of everything alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if state != "Z":
                found.append((int(entry.name), int(parent), int(group)))
    return found


def of_group(group: int) -> list[int]:
    return [pid for pid, _, its in _all() if its == group]


def children(parent: int) -> list[int]:
    return [pid for pid, its, _ in _all() if its == parent]


def naming(text: str) -> dict[int, str]:
    """Whose command line or environment has `text`, as pid: command line."""
    found = {}
    for pid, _, _ in _all():
        if pid == os.getpid():
            continue
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            around = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in command or text in around:
            found[pid] = command
    return found


def wait(true: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
