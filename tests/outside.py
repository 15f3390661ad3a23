"""Processes of our own code on this test's database, which may be killed as any other.

To import all of it takes two seconds of CPU, so a process is forked from one that has done that and nothing else: it has opened no
connection and started no thread. What has to be started as an operator starts it is given `environment()`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection, connections

_prepared = multiprocessing.get_context("forkserver")
_prepared.set_forkserver_preload(["tests.prepared"])


def environment(**more: str) -> dict[str, str]:
    its = connection.settings_dict
    name = f"{quote(its['USER'])}:{quote(its['PASSWORD'])}@/{its['NAME']}"
    where = urlencode({"host": its["HOST"], "port": its["PORT"]})  # a socket's directory may stand here too
    return os.environ | {"DATABASE_URL": f"postgres://{name}?{where}"} | more


class Process:
    """`python -c CODE`, or `python -m MODULE ARGUMENTS` whose words are read from `stdout`; settings are those of this run."""

    def __init__(self, *command: str, **more: str) -> None:
        words, out = _prepared.Pipe(duplex=False)
        its = {key: connection.settings_dict[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        self._process = _prepared.Process(target=_begin, args=(command, out, its, os.environ | more))
        self._process.start()
        out.close()
        self.stdout = os.fdopen(os.dup(words.fileno()))
        words.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """How it ended, -9 for a kill; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int | None:
        self._process.join(seconds)
        return self.poll()

    def kill(self) -> None:
        self._process.kill()


def _begin(command: tuple[str, ...], out: Any, its: dict[str, str], around: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(around)
    connections.settings["default"].update(its)
    os.dup2(out.fileno(), 1)
    out.close()
    what, name, *arguments = command
    sys.argv = [what, *arguments]
    if what == "-m":
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        exec(name, {"__name__": "__main__"})


def run(code: str, *arguments: str, seconds: float = 60, **more: str) -> int:
    """Runs it to its end, and returns how it ended."""
    process = Process("-c", code, *arguments, **more)
    ended = process.wait(seconds)
    process.stdout.close()
    if ended is None:
        process.kill()
        process.wait()
    assert ended is not None, f"it did not end within {seconds} s"
    return ended
