"""Keeps a handful of processes alive: what dies is started again (ever more slowly), what hangs is killed first.

Children get a session of their own, so that Ctrl-C reaches only us, and are killed by the kernel when we die, however we die.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.parental import dies_with_parent

log = logging.getLogger("supervisor")

GRACE = 5.0  # seconds from SIGTERM to SIGKILL; every promise holds under kill -9, so this is courtesy
STEADY = 30.0  # a child that ran so long starts afresh without delay


@dataclass
class Child:
    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    pulse: Path | None = None  # a file that the child touches while it works
    silence: float = 60.0  # seconds without a touch after which it counts as hung
    alive: Callable[[], bool] = lambda: True  # whether silence is the child's fault
    once: bool = False  # ends by itself; not started again
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    code: int | None = None  # of a child that ends by itself


class Supervisor:
    def __init__(self, show: Callable[[str, str], None]) -> None:
        self.show = show
        self.children: list[Child] = []
        self.stopping = False
        self.output = selectors.DefaultSelector()

    def add(self, child: Child) -> None:
        self.children.append(child)
        self.start(child)

    def start(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.command,
            env={**os.environ, **child.env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
        child.started = time.monotonic()
        if child.pulse:
            child.pulse.touch()
        pipe = child.process.stdout
        assert pipe
        os.set_blocking(pipe.fileno(), False)
        self.output.register(pipe, selectors.EVENT_READ, (child.name, bytearray()))

    def restart(self, child: Child) -> None:
        if child.process:
            child.process.terminate()
            child.process.wait(GRACE)
            child.process = None
        self.start(child)

    def turn(self, seconds: float) -> None:
        """One round: pass on what the children said, see who died or hangs, start who is due."""
        for key, _ in self.output.select(seconds):
            self.pump(key)
        for child in self.children:
            self.tend(child)

    def pump(self, key: selectors.SelectorKey) -> None:
        name, rest = key.data
        chunk = os.read(key.fd, 65536)
        rest += chunk
        *lines, left = bytes(rest).split(b"\n")
        rest[:] = left
        for line in lines:
            self.show(name, line.decode(errors="replace"))
        if not chunk:
            self.output.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]

    def tend(self, child: Child) -> None:
        if child.process is None:
            if not self.stopping and child.code is None and time.monotonic() >= child.not_before:
                self.start(child)
        elif (code := child.process.poll()) is not None:
            self.bury(child, code)
        elif child.pulse and time.time() - child.pulse.stat().st_mtime > child.silence and child.alive():
            log.warning("%s takes no work for %.0f s: starting it again", child.name, child.silence)
            kill_group(child.process, signal.SIGKILL)

    def bury(self, child: Child, code: int) -> None:
        assert child.process
        kill_group(child.process, signal.SIGKILL)  # what it left behind
        lived = time.monotonic() - child.started
        child.process = None
        if child.once:
            child.code = code
            return
        child.failures = 0 if lived > STEADY else child.failures + 1
        wait = min(0.5 * 2 ** max(child.failures - 1, 0), 15.0) if child.failures else 0.0
        child.not_before = time.monotonic() + wait
        if not self.stopping:
            log.warning("%s ended with %s after %.0f s; again in %.1f s", child.name, code, lived, wait)

    def stop(self) -> None:
        self.stopping = True
        for child in self.children:
            if child.process:
                child.process.terminate()
        deadline = time.monotonic() + GRACE
        while any(child.process for child in self.children):
            self.turn(0.05)
            if time.monotonic() > deadline:
                for child in self.children:
                    if child.process:
                        kill_group(child.process, signal.SIGKILL)


def kill_group(process: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sent)


def show(name: str, line: str) -> None:
    """What a one-off child says is for the reader as it is; the others are told apart by their names."""
    sys.stdout.write(f"{name:<7} | {line}\n" if name else f"{line}\n")
    sys.stdout.flush()
