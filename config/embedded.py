"""PostgreSQL and Valkey from wheels, for an installation without DATABASE_URL or BROKER_URL.

Whoever needs the servers holds a shared lock on `users.lock` for as long as it lives; the kernel gives it back however the
process ends. The first one starts the keeper (keeper.py), which runs the servers and waits for the exclusive lock: when it gets
it, nobody is left, and it stops them. So a command beside a running `up` simply connects, and a kill -9 leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from config import env, place

BASE_DIR = Path(__file__).resolve().parent.parent
PATIENCE = 60  # seconds for a first initdb on a slow disk

_held: list[int] = []  # the descriptors whose locks say that this process uses the servers


def home() -> Path:
    return Path(env.text("HUITOU_HOME", default=str(BASE_DIR / ".huitou")))


def password(at: Path) -> str:
    return place.secret(at, "database-password", os.urandom(16).hex())


def database() -> dict[str, Any]:
    """The DATABASES entry; nothing is started by asking."""
    here = place.of(home())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "huitou",
        "USER": "huitou",
        "PASSWORD": password(here.home),
        "HOST": str(here.sockets),
        "PORT": "5432",
    }


def broker() -> str:
    return f"redis+socket://{place.of(home()).broker_socket}?virtual_host=0"


def wanted() -> list[str]:
    return [server for server, name in (("postgres", "DATABASE_URL"), ("valkey", "BROKER_URL")) if not env.given(name)]


def ensure(*, durable: bool = True) -> None:
    """Servers that answer, from here to the end of this process. Not durable: for tests, a crash may lose everything."""
    if not wanted() or _held:
        return
    here = place.of(home())
    _held.append(lock(here.home / "users.lock", fcntl.LOCK_SH))
    command = _command(durable=durable)
    deadline = time.monotonic() + PATIENCE
    while True:  # again when the keeper that we found was on its way out
        word = _ask(command)
        if word == "ready":
            return
        if word != "busy" or time.monotonic() > deadline:
            raise place.Refused(word or f"the embedded servers did not start; see {keeper_log()}")
        time.sleep(0.1)


def again() -> None:
    """For those that run for long: a keeper that was killed took its servers along; start one anew, without waiting for it."""
    if _held and wanted() and not running():
        _keeper(_command(durable=True), subprocess.DEVNULL)


def _command(*, durable: bool) -> list[str]:
    here = place.of(home())
    return [sys.executable, "-m", "config.keeper", str(here.home), *wanted(), *([] if durable else ["--fast"])]


def _ask(command: list[str]) -> str:
    with _keeper(command, subprocess.PIPE).stdout as answer:  # type: ignore[union-attr]
        return answer.readline().strip()


def _keeper(command: list[str], output: int) -> subprocess.Popen[str]:
    log = keeper_log()
    log.parent.mkdir(exist_ok=True)
    with open(log, "ab") as errors:
        return subprocess.Popen(
            command,
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            text=True,
            start_new_session=True,
        )


def keeper_log() -> Path:
    return home() / "logs" / "keeper.log"


def lock(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def leave(*, patience: float = 5.0) -> None:
    """Give the servers up now, and wait until they are down unless somebody else still uses them."""
    while _held:
        os.close(_held.pop())
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and running():
        time.sleep(0.05)


def running() -> bool:
    try:
        os.close(lock(home() / "servers.lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    return False
