"""`manage.py up`: prepare the installation, then keep web, worker, beat and (where it has sandbox accounts) the sandbox alive.

One `up` per HUITOU_HOME: it holds `up.lock`, and what is written there (pid, address) is true exactly as long as it is locked.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shlex
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config import embedded
from config.ground import clock
from config.ground.models import Heartbeat
from config.place import Refused
from config.supervisor import Child, Supervisor, show
from connectors import accounts
from connectors.models import ProviderAccount

log = logging.getLogger("supervisor")

RECEIPTS_EVERY = 2.0  # seconds, by the sandbox of an installation that runs
READY = "Huitou is ready:"  # whoever waits for it (detach.py) looks for this line


@dataclass(frozen=True)
class Plan:
    port: int = 8000
    host: str = "127.0.0.1"
    workers: int = 2
    sandbox: bool = False  # also without an account that asks for it
    sandbox_port: int = 0  # 0: the one after ours
    first: str = ""  # a manage.py command that runs while web and sandbox already serve, before worker and beat start
    silence: float = 60.0  # seconds without consumption until the worker is started again
    greeting: tuple[str, ...] = field(default=())

    @property
    def address(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def counterpart(self) -> int:
        return self.sandbox_port or self.port + 1


def run(plan: Plan) -> int:
    """Until SIGTERM, SIGINT, or the failure of `first`. The answer is the exit code."""
    held = claim(plan)
    os.environ["PORT"] = str(plan.port)  # of every child too: PUBLIC_URL follows it
    supervisor = Supervisor(show)
    for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sent, lambda *_: setattr(supervisor, "stopping", True))
    try:
        prepare(plan)
        return watch(supervisor, plan)
    finally:
        supervisor.stop()
        connections.close_all()
        embedded.leave(patience=4)
        os.close(held)


def claim(plan: Plan) -> int:
    try:
        held = embedded.lock(lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        there = running()
        raise Refused(
            f"Huitou is already running here: {there['address']} (pid {there['pid']}); `make stop` ends it"
            if there
            else "Huitou is just starting or stopping here; try again in a few seconds"
        ) from None
    os.ftruncate(held, 0)
    os.pwrite(held, json.dumps({"pid": os.getpid(), "address": plan.address}).encode(), 0)
    return held


def lock_file() -> Path:
    return settings.HOME / "up.lock"


def running() -> dict | None:
    """Who holds the lock: pid and address; None when nobody does."""
    try:
        os.close(embedded.lock(lock_file(), fcntl.LOCK_SH | fcntl.LOCK_NB))
    except FileNotFoundError:
        return None
    except BlockingIOError:
        try:
            return json.loads(lock_file().read_text())
        except ValueError:  # locked a moment ago, not yet written
            return None
    return None


def prepare(plan: Plan) -> None:
    free(plan.host, plan.port, "PORT")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    Heartbeat.objects.all().delete()  # readiness is to be proven by this run, not by the one before
    if wants_sandbox(plan):
        free("127.0.0.1", plan.counterpart, "--sandbox-port")
    connections.close_all()


def free(host: str, port: int, name: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise Refused(
                f"port {port} on {host} cannot be used ({problem.strerror}); choose another with {name}"
            ) from None


def wants_sandbox(plan: Plan) -> bool:
    return plan.sandbox or ProviderAccount.objects.filter(key=accounts.SANDBOX, enabled=True).exists()


def watch(supervisor: Supervisor, plan: Plan) -> int:
    supervisor.add(web(plan))
    counterpart = sandbox(plan) if wants_sandbox(plan) else None
    connections.close_all()
    if counterpart:
        supervisor.add(counterpart)
    if plan.first and not run_first(supervisor, plan):
        return 0 if supervisor.stopping else 1
    if counterpart:  # until now `first` said when a receipt is due; from now on time does
        counterpart.command += ["--auto", str(RECEIPTS_EVERY)]
        supervisor.restart(counterpart)
    for child in (worker(plan), beat()):
        supervisor.add(child)
    while not supervisor.stopping and not ask(f"{plan.address}/readyz"):
        turn(supervisor, 0.5)
        embedded.again()
    for line in (*plan.greeting, f"{READY} {plan.address}/admin/"):
        if not supervisor.stopping:
            show("", line)
    while not supervisor.stopping:
        turn(supervisor, 1.0)
        embedded.again()
    return 0


def turn(supervisor: Supervisor, seconds: float) -> None:
    """Talkative children end a round early; whoever asks between rounds wants the whole time to pass."""
    end = time.monotonic() + seconds
    while not supervisor.stopping and (left := end - time.monotonic()) > 0:
        supervisor.turn(left)


def run_first(supervisor: Supervisor, plan: Plan) -> bool:
    asked = [f"{plan.address}/healthz"]
    if any(child.name == "sandbox" for child in supervisor.children):
        asked.append(f"http://127.0.0.1:{plan.counterpart}/control/state")
    while not supervisor.stopping and not all(ask(address) for address in asked):
        turn(supervisor, 0.2)
    child = Child("", [sys.executable, "manage.py", *shlex.split(plan.first)], once=True)
    supervisor.add(child)
    while not supervisor.stopping and child.code is None:
        supervisor.turn(0.2)
    supervisor.turn(0)
    if child.code:
        show("", f"`manage.py {plan.first}` ended with {child.code}; stopping")
    return child.code == 0


def web(plan: Plan) -> Child:
    bind = f"[{plan.host}]:{plan.port}" if ":" in plan.host else f"{plan.host}:{plan.port}"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", bind]
    return Child("web", command, {"HUITOU_ROLE": "web"})


def worker(plan: Plan) -> Child:
    pulse = settings.HOME / "worker.pulse"
    command = [*celery("worker"), "--concurrency", str(plan.workers), "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    env = {"HUITOU_ROLE": "worker", "HUITOU_PULSE": str(pulse)}
    return Child("worker", command, env, pulse=pulse, silence=plan.silence, alive=broker_answers)


def beat() -> Child:
    return Child("beat", celery("beat"), {"HUITOU_ROLE": "command"})


def sandbox(plan: Plan) -> Child:
    """Its address, and the one that it calls back, follow our ports; the secrets go by the environment."""
    now = clock.now()
    callback = accounts.install_sandbox(f"http://127.0.0.1:{plan.counterpart}", plan.address, now=now)
    opened = ProviderAccount.objects.get(key=accounts.SANDBOX).open()
    log_file = settings.HOME / "sandbox" / "accepted.jsonl"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "connectors.sandbox", "--port", str(plan.counterpart), "--log", str(log_file)]
    keys = {"SANDBOX_KEY_ID": opened["key_id"], "SANDBOX_KEY_SECRET": opened["key_secret"]}
    return Child("sandbox", command, {"SANDBOX_CALLBACK": callback, **keys})


def celery(part: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", part]


def broker_answers() -> bool:
    """Where the broker is away, the worker's silence is not its fault."""
    try:
        with current_app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=2)
            link.default_channel.client.ping()
    except (OperationalError, RedisError, OSError):
        return False
    return True


def ask(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def stop(*, patience: float = 15.0) -> str | None:
    """Ends the running `up`; its address, or None when there was none."""
    there = running()
    if not there:
        return None
    os.kill(there["pid"], signal.SIGTERM)
    deadline = time.monotonic() + patience
    while running():
        if time.monotonic() > deadline:
            raise Refused(f"pid {there['pid']} does not end; see {settings.HOME}/logs/up.log")
        time.sleep(0.1)
    return there["address"]
