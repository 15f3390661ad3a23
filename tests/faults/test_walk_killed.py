"""The walk through the past is killed with SIGKILL again and again, wherever it is: its figures are those of a walk in one go."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from automation.models import Conversion, Enrolment, Figure
from cdp.models import Placement
from config.demonstration import START
from connectors import accounts
from connectors.models import Message, ProviderAccount
from tests import flush
from tests.connectors.builders import Sandbox
from tests.outside import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]

UNTIL = START + timedelta(days=18)
WALK = f"""
import django, sys
django.setup()
from datetime import datetime
from pathlib import Path
from config import demonstration
demonstration.walk(Path(sys.argv[1]), households=200, until=datetime.fromisoformat("{UNTIL.isoformat()}"), say=lambda line: print(line, flush=True))
"""


class Walk:
    def __init__(self, folder, url):
        self.folder = folder
        self.sandbox = Sandbox(folder / "accepted.jsonl")
        back = accounts.install_sandbox(self.sandbox.url, url, now=START)
        ProviderAccount.objects.update(settings={"price_fen": 5, "query_lag": 0.3, "timeout": 3, "lease": 7})
        self.sandbox.control("callback", url=back)

    def go(self, seconds=None):
        """Whether it came to its end; after so many seconds it is killed."""
        process = subprocess.Popen(
            [sys.executable, "-c", WALK, str(self.folder)], cwd=settings.BASE_DIR, env=environment()
        )
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False


def figures():
    return {
        "figures": sorted(map(str, Figure.objects.values_list("day", "key", "dimensions", "value"))),
        "placements": Placement.objects.count(),
        "enrolments": sorted(map(str, Enrolment.objects.values_list("journey__key", "member", "state", "enrolled_at"))),
        "messages": sorted(
            map(str, Message.objects.values_list("member", "state", "delivery", "sent_at", "delivered_at"))
        ),
        "conversions": sorted(map(str, Conversion.objects.values_list("order__external_id", "enrolment__member"))),
    }


def test_a_walk_that_is_killed_gives_the_same_figures(live_server, tmp_path):
    flush.restore(connection)  # members are numbered from 1 in both walks: their number decides who is held out
    straight = tmp_path / "straight"
    straight.mkdir()
    walk = Walk(straight, live_server.url)
    began = time.monotonic()
    assert walk.go()
    whole = time.monotonic() - began
    walk.sandbox.kill()
    wanted = figures()
    assert wanted["conversions"] and wanted["messages"]
    flush.restore(connection)

    broken = tmp_path / "broken"
    broken.mkdir()
    walk, kills = Walk(broken, live_server.url), random.Random(7)
    deadline, killed = time.monotonic() + 15 * whole, 0
    while not walk.go(whole * kills.uniform(0.25, 0.6)):
        killed += 1
        assert time.monotonic() < deadline
    walk.sandbox.kill()

    assert killed >= 2
    for name, found in figures().items():
        assert found == wanted[name], name
