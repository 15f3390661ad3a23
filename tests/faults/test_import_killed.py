"""The worker is killed with SIGKILL again and again while it brings a file in: the tables are those of a run without a kill."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from cdp import imports
from cdp.ingest.files import importing, mapping
from cdp.models import Order, OrderLine, Refund, Seen
from config.ground import clock, jobs
from config.ground.models import Job
from tests.outside import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]

WORKER = """
import django
django.setup()
from cdp import tasks
from cdp.ingest.files import importing
from config.ground import clock, jobs
importing.CHUNK = 50
jobs.run_waiting(clock.now)
"""
HEAD = "id,phone,placed_at,sku,quantity,amount,order_id\n"


def a_file() -> str:
    dice = random.Random(5)
    rows = []
    for n in range(3000):
        phone = f"1390000{n % 500:04}" if n % 4 else ""
        for line in range(dice.choice([1, 2, 3])):
            rows.append(f"{n},{phone},2026-03-01T10:00:00Z,sku-{line},1,{n % 90}.50,\n")
        if n % 9 == 0:
            rows.append(f"{n},{phone},2026-03-01T10:00:00Z,sku-9,-1,0.50,{n - 3 if n % 2 else ''}\n")
    return HEAD + "".join(rows)


def tables(source: str):
    return (
        sorted(Order.objects.filter(source__code=source).values_list("external_id", "amount", "refunded", "member")),
        sorted(
            OrderLine.objects.filter(order__source__code=source).values_list("order__external_id", "position", "sku")
        ),
        sorted(Refund.objects.filter(source__code=source).values_list("external_id", "amount", "member")),
        Seen.objects.filter(source__code=source).count(),
    )


def test_a_worker_that_is_killed_leaves_the_import_to_the_next_one(tmp_path):
    text = a_file().encode()
    wish = imports.Wish("order_lines", "till", "Asia/Shanghai")
    look, _new = imports.receive(io.BytesIO(text), "sales.csv", wish, actor="admin:li", now=clock.now())
    jobs.run_waiting(clock.now)
    said = {"columns": {}, "without": [], "constants": {}}
    job, _new = imports.bring(look, said, dry_run=False, actor="admin:li", now=clock.now())
    around, dice, kills = environment(DJANGO_SETTINGS_MODULE="config.settings"), random.Random(3), 0

    deadline = time.monotonic() + 300
    while Job.objects.get(pk=job.pk).state in Job.UNDER_WAY:
        assert time.monotonic() < deadline
        before = Order.objects.count()
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=around, start_new_session=True)
        while kills < 4 and worker.poll() is None and Order.objects.count() < before + dice.randint(100, 600):
            time.sleep(0.02)
        if kills < 4 and worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            kills += 1
        worker.wait()

    job.refresh_from_db()
    assert (job.state, kills, job.tries) == ("done", 4, 5), job.reason
    assert job.result["rejected"] == 0
    assert job.result["duplicates"] > 0
    file = tmp_path / "sales.csv"
    file.write_bytes(text)
    report = importing.bring(
        "order_lines", file, source="unkilled", said=mapping.load(None, timezone="Asia/Shanghai"), now=clock.now()
    )
    assert (report.read, report.rejected) == (job.result["read"], 0)
    assert tables("till") == tables("unkilled")
