"""What dies is started again, what hangs is killed first, and stopping leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from config.supervisor import Child, Supervisor
from tests.config import processes

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def supervised():
    said: list[tuple[str, str]] = []
    supervisor = Supervisor(lambda name, line: said.append((name, line)))
    supervisor.said = said
    yield supervisor
    supervisor.stop()


def until(supervisor, true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        supervisor.turn(0.05)


def test_a_killed_child_is_started_again(supervised):
    child = Child("one", SLEEP)
    supervised.add(child)
    until(supervised, lambda: supervised.said == [("one", "up")])
    first = child.process.pid

    os.kill(first, signal.SIGKILL)
    until(supervised, lambda: len(supervised.said) == 2)

    assert child.process.pid != first
    assert child.failures == 1


def test_a_child_that_dies_at_once_is_started_ever_more_slowly(supervised):
    child = Child("one", [sys.executable, "-c", "raise SystemExit(3)"])
    supervised.add(child)

    until(supervised, lambda: child.failures == 2)

    assert 0.9 < child.not_before - time.monotonic() <= 1.0


def test_a_child_that_falls_silent_is_replaced_only_when_it_is_to_blame(supervised, tmp_path):
    blame = [False]
    child = Child("one", SLEEP, pulse=tmp_path / "pulse", silence=0.5, alive=lambda: blame[0])
    supervised.add(child)
    first = child.process.pid
    end = time.monotonic() + 1.0
    until(supervised, lambda: time.monotonic() > end)
    assert child.process.pid == first

    blame[0] = True
    until(supervised, lambda: child.process and child.process.pid != first)


def test_a_child_that_ends_by_itself_is_not_started_again(supervised):
    child = Child("", [sys.executable, "-c", "print('done'); raise SystemExit(4)"], once=True)
    supervised.add(child)

    until(supervised, lambda: child.code is not None)
    supervised.turn(0.2)

    assert (child.code, child.process, supervised.said) == (4, None, [("", "done")])


def test_stopping_ends_also_what_does_not_listen_and_what_was_left_behind(supervised, monkeypatch):
    monkeypatch.setattr("config.supervisor.GRACE", 1.0)
    orphan = [sys.executable, "-c", f"import subprocess; subprocess.Popen({DEAF!r}).wait()"]
    deaf, parent = Child("deaf", DEAF), Child("parent", orphan)
    supervised.add(deaf)
    supervised.add(parent)
    until(supervised, lambda: sorted(supervised.said) == [("deaf", "up"), ("parent", "up")])
    groups = [deaf.process.pid, parent.process.pid]

    begun = time.monotonic()
    supervised.stop()

    assert time.monotonic() - begun < 3
    assert [process for group in groups for process in processes.of_group(group)] == []
