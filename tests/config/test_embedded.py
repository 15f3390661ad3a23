"""The embedded servers live as long as somebody uses them, whoever started them, and come up after any kind of end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config import embedded, place
from tests.config import processes

pytestmark = [pytest.mark.live, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")]

ROOT = Path(__file__).resolve().parents[2]
USER = "from config import embedded; embedded.ensure(); print('there', flush=True); input()"
STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    for process in STARTED:
        process.kill()
        process.communicate()
    STARTED.clear()
    data = place.of(tmp_path).data
    processes.wait(lambda: not processes.naming(str(tmp_path)) | processes.naming(str(data)), 15)
    shutil.rmtree(data, ignore_errors=True)


def user(home: Path) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "HUITOU_HOME": str(home)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen([sys.executable, "-c", USER], cwd=ROOT, env=env, text=True, **pipes)
    STARTED.append(process)
    assert process.stdout.readline() == "there\n"
    return process


def done(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=10)
    assert process.returncode == 0


def keeper(home: Path) -> int:
    """The one that stays: who comes second asks with a process that finds the lock taken and goes."""

    def there() -> list[int]:
        return [pid for pid, command in processes.naming(str(home)).items() if "config.keeper" in command]

    processes.wait(lambda: len(there()) == 1, 5)
    return there()[0]


def ask(home: Path, statement: str):
    here = place.of(home)
    where = {
        "host": str(here.sockets),
        "port": 5432,
        "user": "huitou",
        "password": embedded.password(here.home),
        "dbname": "huitou",
    }
    with psycopg.connect(**where, autocommit=True) as connection:
        answer = connection.execute(statement)
        return answer.fetchone()[0] if answer.description else None


def test_the_last_user_and_not_the_first_ends_the_servers(home):
    first = user(home)
    second = user(home)
    pid = keeper(home)

    first.kill()
    first.wait()
    assert ask(home, "SELECT 1") == 1
    assert keeper(home) == pid

    done(second)
    processes.wait(lambda: not processes.naming(str(place.of(home).data)), 10)


def test_what_was_committed_is_there_after_every_process_was_killed(home):
    first = user(home)
    ask(home, "CREATE TABLE kept (answer int)")
    ask(home, "INSERT INTO kept VALUES (42)")
    for pid in (first.pid, keeper(home), *processes.naming(str(place.of(home).data))):
        os.kill(pid, signal.SIGKILL)
    first.wait()

    again = user(home)

    assert ask(home, "SELECT answer FROM kept") == 42
    done(again)


def test_a_pid_that_now_belongs_to_somebody_else_does_not_stop_the_start(home):
    done(user(home))
    processes.wait(lambda: not processes.naming(str(place.of(home).data)), 10)
    file = place.of(home).data / "postgres" / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "60"], **({"user": place.of(home).user} if place.of(home).user else {}))
    file.write_text(f"{stranger.pid}\n{file.parent}\n0\n5432\n\n\n")
    os.chmod(file, 0o644)

    done(user(home))

    stranger.kill()
    stranger.wait()


def test_text_is_sorted_and_compared_the_same_everywhere(home):
    process = user(home)

    assert (
        ask(home, "SELECT datlocprovider::text || datcollate || pg_encoding_to_char(encoding) FROM pg_database LIMIT 1")
        == "bCUTF8"
    )
    assert ask(home, "SELECT lower('ÄÖ会员')") == "äö会员"
    done(process)
