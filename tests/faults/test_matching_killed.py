"""Workers are killed with SIGKILL in the middle of matching, again and again: each event lets its member in exactly once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from automation.models import Enrolment
from cdp.models import FeedRow
from tests.automation.builders import NOW, a_journey
from tests.builders import a_member, an_event
from tests.outside import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]
KILLS = 24
# A parent that has no connection forks workers and kills them at any moment; the last one goes on to the end.
WORKER = """
import os, random, signal, sys, time
import django
django.setup()
from datetime import datetime
from cdp import feed

now, dice = datetime.fromisoformat(sys.argv[1]), random.Random(3)

def work():
    while sum(feed.drain(reader, limit=3, now=now) for reader, _read in feed.READERS.items()):
        pass
    os._exit(0)

killed = 0
for n in range(int(sys.argv[2])):
    child = os.fork() or work()
    time.sleep(dice.uniform(0.05, 0.5))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
child = os.fork() or work()
print(killed, os.waitpid(child, 0)[1])
"""


def test_each_event_lets_its_member_in_exactly_once():
    for key in ("one", "two"):
        trigger = {"event": {"type": "cart_add", "timezone": "UTC", "where": {"event": "n", "op": ">=", "value": 0}}}
        a_journey(key, trigger=trigger, entry={"field": "name", "op": "=", "value": "李"}, holdout=0)
    made = [a_member(name="李" if n % 3 else "王") for n in range(150)]
    for n, member in enumerate(made):
        an_event(member, "cart_add", NOW, now=NOW, n=n)

    done = subprocess.run(
        [sys.executable, "-c", WORKER, NOW.isoformat(), str(KILLS)],
        env=environment(), capture_output=True, text=True, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    killed, last = map(int, done.stdout.split())
    assert (killed >= 8, last) == (True, 0)
    entered = Counter(Enrolment.objects.values_list("journey__key", "member"))
    assert entered == Counter({(key, m): 1 for key in ("one", "two") for n, m in enumerate(made) if n % 3})
    assert not FeedRow.objects.exists()
