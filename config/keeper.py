"""The process that runs the embedded servers, one per HUITOU_HOME: `python -m config.keeper HOME postgres valkey [--fast]`.

It says one word on its standard output: `ready` (also when another keeper already serves), `busy` (another keeper is starting
or stopping: ask again), or one sentence that says why not. A server that dies is started again; a keeper that dies takes its
servers with it (the kernel signals them), and PostgreSQL recovers by itself at the next start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config import place
from config.embedded import lock, password
from config.parental import dies_with_parent

log = logging.getLogger("keeper")

# For two cores and a few GB; a larger installation has a PostgreSQL of its own.
TUNING = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "jit": "off",  # costs more than it gives on the short statements of a member's page
    # A statement that failed, and why, may show what stood in a row: that is for who sent it, not for a log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
PLAIN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Server:
    name: str
    command: list[str]
    answers: Callable[[], bool]
    stop: signal.Signals
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    start_at: float = 0.0  # monotonic: not before


class Keeper:
    def __init__(self, home: Path, names: Sequence[str], *, fast: bool) -> None:
        self.place = place.of(home)
        self.programs = place.programs(self._directories())
        known = {"postgres": self._postgres, "valkey": self._valkey}
        self.servers = [known[name](fast) for name in names]
        self.leaving = False

    def _directories(self) -> place.Place:
        here = self.place
        here.data.mkdir(mode=0o711, parents=True, exist_ok=True)
        here.data.chmod(0o711)
        for path in (here.data / "postgres", here.data / "valkey", here.sockets):
            place.own(path, here.user)
        return here

    def _postgres(self, fast: bool) -> Server:
        data = self.place.data / "postgres"
        options = {**TUNING, "unix_socket_directories": str(self.place.sockets), **(FAST if fast else {})}
        command = [str(self.programs.postgres / "postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return Server("postgres", command, self._postgres_answers, signal.SIGINT)  # SIGINT: fast shutdown

    def _valkey(self, fast: bool) -> Server:
        options = {
            "port": "0",
            "unixsocket": str(self.place.broker_socket),
            "unixsocketperm": "700",
            "dir": str(self.place.data / "valkey"),
            "appendonly": "no" if fast else "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        command = [str(self.programs.valkey)]
        for name, value in options.items():
            command += [f"--{name}", value]
        return Server("valkey", command, self._valkey_answers, signal.SIGTERM)

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.place.sockets),
            port=5432,
            user="huitou",
            password=password(self.place.home),
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def _postgres_answers(self) -> bool:
        try:
            with self.connect("postgres") as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'huitou'").fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier("huitou")))
        except psycopg.OperationalError:
            return False
        return True

    def _valkey_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(1)
            try:
                wire.connect(str(self.place.broker_socket))
                wire.sendall(b"PING\r\n")
                return wire.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def initialise(self) -> None:
        """initdb once. The marker is written last, so what a kill left half made is made again."""
        data, marker = self.place.data / "postgres", self.place.data / "postgres-is-complete"
        if marker.exists() or not any(server.name == "postgres" for server in self.servers):
            return
        for path in data.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        words = self.place.sockets / "password"
        words.write_text(password(self.place.home))
        words.chmod(0o644)  # inside a directory that is 0700
        done = subprocess.run(
            [self.programs.postgres / "initdb", "-D", data, "-U", "huitou", "-E", "UTF8", "--locale=C", "--no-sync",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={words}"],
            cwd="/", env=PLAIN, capture_output=True, text=True, **self.identity(),
        )  # fmt: skip
        words.unlink()
        if done.returncode:
            raise place.Refused(f"PostgreSQL could not be set up in {data}: {last_words(done.stderr)}")
        os.sync()
        marker.touch()

    def identity(self) -> dict[str, Any]:
        if self.place.user is None:
            return {}
        return {"user": self.place.user, "group": pwd.getpwnam(self.place.user).pw_gid, "extra_groups": []}

    def start(self, server: Server) -> None:
        server.starts += 1
        self.alone(server)
        with open(self.log_file(server), "ab") as out:
            server.process = subprocess.Popen(
                server.command, cwd="/", env=PLAIN, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=dies_with_parent(server.stop), **self.identity(),
            )  # fmt: skip
        log.info("%s started, pid %s", server.name, server.process.pid)

    def alone(self, server: Server) -> None:
        """Nobody of an earlier life works on the data any more, and what says so is gone.

        Those that a killed keeper left are dying, or are zombies that nobody collects, or their pid is somebody else's by now;
        PostgreSQL takes the last two for a running server and would refuse for ever. We hold the lock, so we know better.
        """
        directory = self.place.data / server.name
        deadline = time.monotonic() + 5
        while left := working_in(directory):
            if time.monotonic() > deadline:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        if server.name == "postgres" and Path("/proc/self").exists():
            for file in (directory / "postmaster.pid", self.place.sockets / ".s.PGSQL.5432.lock"):
                file.unlink(missing_ok=True)

    def log_file(self, server: Server) -> Path:
        return self.place.home / "logs" / f"{server.name}.log"

    def wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for server in self.servers:
            while not server.answers():
                assert server.process
                if server.process.poll() is not None or time.monotonic() > deadline:
                    said = self.log_file(server).read_text(errors="replace")
                    raise place.Refused(f"{server.name} did not start: {last_words(said)}")
                time.sleep(0.05)

    def watch(self) -> None:
        """Until nobody uses the servers, or we are told to leave."""
        while not self.leaving:
            try:
                lock(self.place.home / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
                return  # kept until we exit: who comes now waits for us to be gone
            except BlockingIOError:
                pass
            for server in self.servers:
                self.revive(server)
            time.sleep(0.2)

    def revive(self, server: Server) -> None:
        if server.process and server.process.poll() is not None:
            log.warning("%s ended with %s", server.name, server.process.returncode)
            server.process = None
            server.start_at = time.monotonic() + min(server.starts * 0.5, 10)
        if server.process is None and time.monotonic() >= server.start_at:
            self.start(server)

    def stop(self) -> None:
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.process.send_signal(server.stop)
        for server in self.servers:
            if server.process:
                try:
                    server.process.wait(8)
                except subprocess.TimeoutExpired:
                    server.process.kill()


def working_in(directory: Path) -> list[int]:
    """Who has it as working directory; zombies have none. Empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if os.readlink(entry) == str(directory):
                found.append(int(entry.parent.name))
    return found


def last_words(text: str) -> str:
    """The line that says why: the last FATAL, PANIC or error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror"))]
    return (telling or lines or ["it said nothing"])[-1]


def say(word: str) -> None:
    print(word, flush=True)


def serve(keeper: Keeper) -> None:
    try:
        keeper.initialise()
        for server in keeper.servers:
            keeper.start(server)
        keeper.wait_ready(45)
        say("ready")
        keeper.watch()
    finally:
        keeper.stop()


def main(home: Path, *names: str, fast: bool) -> None:
    (home / "logs").mkdir(exist_ok=True)
    logging.basicConfig(filename=home / "logs" / "keeper.log", level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        held = lock(home / "servers.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held = None
    try:
        keeper = Keeper(home, names, fast=fast)
        if held is None:
            say("ready" if all(server.answers() for server in keeper.servers) else "busy")
            return
        signal.signal(signal.SIGTERM, lambda *_: setattr(keeper, "leaving", True))
        serve(keeper)
    except place.Refused as why:
        say(str(why))
    except OSError as problem:
        say(f"the embedded servers could not use {problem.filename or home}: {problem.strerror}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]), *[name for name in arguments[1:] if name != "--fast"], fast="--fast" in arguments)
