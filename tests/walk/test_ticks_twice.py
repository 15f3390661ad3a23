"""Every tick, run twice, does what it does once: each has work to do here, and the second run changes no row of any table."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from django.db import connection

from automation import publishing
from cdp import exporting, segments
from cdp.models import MergeCandidate, Segment, Source
from config.celery import app
from config.ground import clock
from config.ground.models import Answer
from config.ticks import TICKS
from connectors import accounts
from connectors.models import ProviderAccount
from loyalty import programmes
from tests.builders import a_consent, a_member, an_order, at
from tests.connectors.builders import FAST, Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

# In the order of the main job, so that each finds what the one before it left to do.
ORDER = (
    "cdp.absorb", "cdp.join", "cdp.judge", "cdp.daily", "automation.schedules", "automation.advance", "connectors.dispatch",
    "connectors.settle_unknown", "automation.roll_up",
    "ground.jobs", "ground.sweep",
)  # fmt: skip
JOURNEY = {
    "key": "welcome",
    "name": {"zh": "首购关怀", "en": "Welcome"},
    "trigger": {"schedule": {"cron": "0 12 * * *", "timezone": "Asia/Shanghai"}},
    "entry": {"field": "stage", "op": "=", "value": "first_purchase"},
    "goal": {"did": "order", "within": "P14D"},
    "steps": [
        {"id": "gift", "do": "grant_points", "points": 10, "reason": "welcome"},
        {"id": "hello", "do": "send", "channel": ["sms"], "template": "win-back"},
    ],
}


@pytest.fixture
def sandbox(tmp_path):
    running = Sandbox(tmp_path / "accepted.jsonl")
    yield running
    running.kill()


def test_every_tick_twice_is_once(sandbox, transactional_db):
    assert set(ORDER) == set(TICKS)
    app.loader.import_default_modules()
    a_shop(sandbox)

    for tick in ORDER:
        before = rows()
        run(tick)
        once = rows()
        run(tick)

        assert once != before, f"{tick} had nothing to do"
        assert changed(once, rows()) == [], f"{tick} did something twice"

    assert len(sandbox.phones()) == 3


def a_shop(sandbox) -> None:
    """Three members with an order each that nobody absorbed yet, at 12:05; yesterday's figures; a journey whose hour has come;
    two who are one person; an export that was asked for; a segment that was saved.
    """
    Source.objects.get_or_create(code="huitou", defaults={"name": "Huitou"})
    clock.stand(at("2017-10-02 11:00"), by="test")
    buyers = Segment(key="buyers", name="买过的", condition={"did": "order"})
    segments.save(buyers, actor="test", now=clock.now())
    accounts.install_sandbox(sandbox.url, "http://127.0.0.1:9", now=clock.now())
    ProviderAccount.objects.update(settings=FAST)
    programmes.start(points_per_unit=1, now=clock.now())
    publishing.publish(JOURNEY, by="test", now=clock.now())
    for number in range(3):
        member = a_member(phone=f"1390000100{number}", name="王芳")
        a_consent(member)
        an_order(member, "2017-10-02 10:00", 1000, now=clock.now())
    one, two = a_member(phone="13900002001"), a_member(phone="13900002002")
    MergeCandidate.objects.create(
        low_id=one, high_id=two, state="due", score=95, basis=[], evidence={}, made_at=clock.now()
    )  # as a batch leaves it that dies before it joins them
    exporting.ask(member, form="json", actor="test", now=clock.now())
    clock.move(at("2017-10-02 12:05"))
    Answer.objects.create(partner=uuid4(), key="old", made_at=at("2017-01-01"))  # kept 30 days of real time
    sandbox.fault("error_after")  # taken, but the answer is lost: it has to be asked for


def run(tick: str) -> None:
    if tick == "connectors.settle_unknown":
        time.sleep(2 * FAST["query_lag"])  # an accepted message can surely be found only then
    app.tasks[tick]()


def rows() -> dict[str, str]:
    """A digest of every table of ours."""
    with connection.cursor() as cursor:
        names = [
            name for name in connection.introspection.table_names(cursor) if not name.startswith(("django_", "auth_"))
        ]
        digests = {}
        for name in sorted(names):
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t")
            digests[name] = cursor.fetchone()[0]
        return digests


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in after if before.get(name) != after[name]]
