"""`manage.py up` as an operator meets it: real servers, real processes, real kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config import place
from tests.config import processes

pytestmark = [pytest.mark.live, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")]

ROOT = Path(__file__).resolve().parents[2]


class Installation:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = unused_port()
        self.env = {"PATH": os.environ["PATH"], "HUITOU_HOME": str(home)}
        self.up: subprocess.Popen[str] | None = None

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=180)

    def start(self, *options: str) -> None:
        command = [sys.executable, "manage.py", "up", "--port", str(self.port), "--workers", "1", *options]
        with open(self.home / "words", "wb") as words:
            self.up = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=words, stderr=words, text=True)
        self.wait_ready()

    def wait_ready(self, seconds: float = 180) -> None:
        processes.wait(self.ready, seconds)

    def ready(self) -> bool:
        assert self.up and self.up.poll() is None, (self.home / "words").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return json.load(answer)["ready"]
        except (urllib.error.URLError, OSError):
            return False

    def worker(self) -> int | None:
        """The worker's first process; None while there is none."""
        assert self.up
        return next((pid for pid in processes.children(self.up.pid) if " worker " in command(pid)), None)

    def living(self) -> dict[int, str]:
        return processes.naming(str(self.home)) | processes.naming(str(place.of(self.home).data))


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One for all tests here: the first start prepares it, and those after it find what the one before them left."""
    made = tmp_path_factory.mktemp("up") / "h"
    made.mkdir()
    yield made
    shutil.rmtree(place.of(made).data, ignore_errors=True)  # under root it may lie outside of the temporary directory


@pytest.fixture
def installation(home):
    made = Installation(home)
    yield made
    if made.up and made.up.poll() is None:
        made.up.kill()
        made.up.wait()
    processes.wait(lambda: not made.living(), 20)


def test_everything_runs_survives_a_killed_worker_and_ends_within_ten_seconds(installation):
    installation.start()

    again = installation.manage("up", "--port", str(unused_port()))
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert again.stderr.startswith(f"Huitou is already running here: http://127.0.0.1:{installation.port} (pid ")

    beside = installation.manage("showmigrations", "ground")
    assert (beside.returncode, "[X] 0001_initial" in beside.stdout) == (0, True)
    assert installation.ready()

    first = installation.worker()
    os.kill(first, signal.SIGKILL)
    processes.wait(lambda: installation.worker() not in (None, first), 10)
    assert processes.of_group(first) == []

    begun = time.monotonic()
    installation.up.send_signal(signal.SIGTERM)
    assert installation.up.wait(10) == 0
    assert installation.living() == {}
    assert time.monotonic() - begun < 10


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_simply_works(installation):
    installation.start()
    before = len(installation.living())

    installation.up.kill()
    installation.up.wait()
    processes.wait(lambda: not installation.living(), 10)

    assert before >= 8  # ourselves, keeper, two servers, web, worker, beat and their children
    installation.start()
    stopped = installation.manage("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"stopped http://127.0.0.1:{installation.port}\n")
    assert installation.manage("stop").stdout == "nothing was running here\n"


def test_a_taken_port_is_one_line(installation):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", installation.port))
        taken.listen()
        refused = installation.manage("up", "--port", str(installation.port))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"port {installation.port} on 127.0.0.1 cannot be used (Address already in use); choose another with PORT\n"
    )


@pytest.mark.slow
def test_a_worker_that_takes_nothing_is_replaced(installation):
    installation.start("--worker-silence", "8")
    first = installation.worker()

    os.kill(first, signal.SIGSTOP)
    processes.wait(lambda: installation.worker() not in (None, first), 20)

    installation.wait_ready()


@pytest.mark.slow
def test_a_killed_keeper_is_started_anew_with_its_servers(installation):
    installation.start()
    (keeper,) = [pid for pid, words in installation.living().items() if "config.keeper" in words]

    os.kill(keeper, signal.SIGKILL)
    processes.wait(lambda: not installation.ready(), 10)

    installation.wait_ready(30)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgres", "valkey-server"])
def test_a_killed_server_comes_back_and_the_worker_goes_on(installation, server):
    installation.start()
    first = installation.worker()
    for _ in range(3):
        (pid,) = [pid for pid, words in installation.living().items() if words.split()[0].endswith(f"/{server}")]
        os.kill(pid, signal.SIGKILL)
        time.sleep(3)

    installation.wait_ready()
    assert installation.worker() == first


@pytest.mark.slow
@pytest.mark.parametrize(("first", "code"), [("check", 0), ("check --tag nonsense", 1)])
def test_what_comes_first_sees_web_and_sandbox_and_its_failure_ends_all(installation, first, code):
    plan = f"Plan(port={installation.port}, workers=1, sandbox=True, first={first!r})"
    script = f"import django; django.setup(); from config import embedded, up; embedded.ensure(); raise SystemExit(up.run(up.{plan}))"
    env = installation.env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    with open(installation.home / "words", "wb") as words:
        installation.up = subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, env=env, stdout=words, stderr=words
        )

    if code:
        assert installation.up.wait(60) == code
        assert f"`manage.py {first}` ended with 1; stopping\n" in (installation.home / "words").read_text()
    else:
        installation.wait_ready()
        said = (installation.home / "words").read_text()
        assert said.index("System check identified no issues") < said.index("worker  |")
        (sandbox,) = [words for words in installation.living().values() if "connectors.sandbox" in words]
        assert " --auto 2.0" in sandbox
        installation.up.terminate()
        assert installation.up.wait(10) == 0


@pytest.mark.slow
def test_detached_returns_when_ready_and_says_why_when_it_cannot(installation):
    done = installation.manage("up", "--detach", "--port", str(installation.port), "--workers", "1")
    assert (done.returncode, done.stdout) == (0, f"Huitou is ready: http://127.0.0.1:{installation.port}/admin/\n")

    again = installation.manage("up", "--detach", "--port", str(installation.port))
    assert (again.returncode, again.stderr.startswith("Huitou is already running here: ")) == (1, True)

    assert installation.manage("stop").returncode == 0
