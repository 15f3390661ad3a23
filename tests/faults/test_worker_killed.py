"""The worker is killed with SIGKILL again and again while it enrols, advances and sends: nothing is lost, nothing is doubled.

The judge is the counterpart: its own accept log, written before it answers, says how often each number was taken.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction

from automation import publishing
from automation.models import Enrolment, StepRun
from cdp import consents, daily, identity, resolving
from config.ground import clock
from config.ticks import TICKS
from connectors import accounts, outbox
from connectors.models import Message, ProviderAccount
from connectors.reconcile import faults
from loyalty import programmes
from loyalty import reconcile as ledger
from loyalty.models import Entry
from tests.connectors.builders import FAST, Sandbox
from tests.outside import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)  # noon in Shanghai
JOURNEY = {
    "key": "everybody",
    "name": {"zh": "全员", "en": "Everybody"},
    "trigger": {"schedule": {"cron": "5 12 * * *", "timezone": "Asia/Shanghai"}},
    "entry": {"field": "stage", "op": "=", "value": "new"},
    "holdout": 0.2,
    "goal": {"did": "order", "within": "P14D"},
    "steps": [
        {"id": "gift", "do": "grant_points", "points": 10, "reason": "welcome"},
        {"id": "hello", "do": "send", "channel": ["sms"], "template": "win-back"},
    ],
}


@pytest.fixture
def sandbox(tmp_path):
    running = Sandbox(tmp_path / "accepted.jsonl", "--auto", "0.5")
    yield running
    running.kill()


@pytest.fixture
def broker():
    """A database of the broker for this test alone, so that no other test's worker takes its nudges."""
    url = settings.BROKER_URL
    url = re.sub(r"virtual_host=\d+", "virtual_host=13", url) if "virtual_host" in url else re.sub(r"/\d*$", "/13", url)
    app = Celery("beat", broker=url, set_as_current=False)
    app.control.purge()
    yield app
    app.control.purge()
    app.close()


class Worker:
    def __init__(self, broker: Celery, log) -> None:
        self.command = [sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", "worker"]
        self.command += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.url, self.log = broker.conf.broker_url, log

    def start(self) -> None:
        with open(self.log, "ab") as out:
            around = environment(HUITOU_ROLE="worker", BROKER_URL=self.url)
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, env=around, start_new_session=True)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@transaction.atomic
def members(count: int) -> None:
    keys = [[identity.parse(f"phone:{13700001000 + n}")] for n in range(count)]
    made = resolving.resolve(keys, now=NOW).members
    said = NOW - timedelta(days=1)
    consents.set_state([consents.Said(m, "sms", "marketing", "granted", said, "form") for m in made if m], now=NOW)


def kill_until_done(worker: Worker, beat: Celery, *, count: int, kills: int, seconds: float) -> int:
    """Kill the worker whenever it has got on a little, `kills` times, then let it finish. Returns how often it was killed."""
    dice, killed, deadline = random.Random(17), 0, time.monotonic() + seconds
    worker.start()
    before = progress()
    try:
        while not done(count):
            assert time.monotonic() < deadline, (Counter(Message.objects.values_list("state", "reason")), killed)
            for task in TICKS:
                beat.send_task(task, expires=10)
            time.sleep(dice.uniform(0.02, 0.2))
            if killed < kills and progress() > before:
                worker.kill()
                killed, before = killed + 1, progress()
                worker.start()
    finally:
        worker.kill()
    return killed


def progress() -> int:
    """Grows with every enrolment, step, and message that is claimed or sent."""
    moved = Message.objects.exclude(state="ready").count() + Message.objects.filter(state="sent").count()
    return Enrolment.objects.count() + StepRun.objects.count() + moved


def done(count: int) -> bool:
    enrolled = Enrolment.objects.count()
    return (
        enrolled == count
        and not Enrolment.objects.filter(state="open").exists()
        and not outbox.unsettled(now=clock.now())
    )


@pytest.mark.parametrize(
    ("count", "kills", "seconds"), [(1000, 4, 300), pytest.param(10_000, 25, 500, marks=pytest.mark.slow)]
)
def test_no_message_is_lost_and_none_is_doubled(sandbox, broker, live_server, tmp_path, count, kills, seconds):
    members(count)
    url = accounts.install_sandbox(sandbox.url, live_server.url, now=NOW)
    ProviderAccount.objects.update(settings=FAST)
    sandbox.control("callback", url=url)
    sandbox.fault("hang", times=2)  # answers are lost too
    programmes.start(points_per_unit=1, now=NOW)
    daily.turn(now=NOW, quiet=True)
    publishing.publish(JOURNEY, by="test", now=NOW)
    clock.stand(NOW + timedelta(minutes=10), by="test")  # the slot of 12:05 is due

    killed = kill_until_done(Worker(broker, tmp_path / "worker.log"), broker, count=count, kills=kills, seconds=seconds)

    treated = Enrolment.objects.exclude(state="held_out").count()
    assert killed >= kills // 2  # each time while it was getting on
    assert 0 < treated < count  # some are held out
    assert Counter(Message.objects.values_list("state", flat=True)) == {"sent": treated}
    assert Counter(Counter(sandbox.phones()).values()) == {1: treated}
    assert StepRun.objects.count() == 2 * treated
    assert Entry.objects.filter(kind="grant").count() == treated
    assert ledger.faults(now=NOW) == [] == faults(now=clock.now())
