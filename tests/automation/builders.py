"""The cast of this room's tests: members by the hundred, documents, published journeys, and the ticks."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from automation import document, enrolment, publishing, runner
from automation.models import Enrolment, JourneyVersion, StepRun
from cdp.models import Member
from config.ground.cause import Cause
from connectors import accounts

NOW = datetime(2017, 10, 1, 2, tzinfo=UTC)  # 10:00 in Shanghai, a Sunday
DAY = timedelta(days=1)
EVERYBODY = {"field": "registered_at", "op": "is_not_set"}  # of those that `members` makes
NAMED = {"field": "name", "op": "=", "value": "李"}

SEND = {"id": "hello", "do": "send", "channel": ["sms"], "template": "win-back"}
PAUSE = {"id": "pause", "wait": "P3D"}
AGAIN = {"id": "again", "do": "send", "channel": "sms", "template": "win-back"}
DONE = {"id": "done", "end": True}


def a_document(key: str = "win-back", **changes: Any) -> dict[str, Any]:
    """A valid one; a change to None leaves the key out."""
    base = {
        "key": key,
        "name": {"zh": "唤回", "en": "Win back"},
        "trigger": {"schedule": {"cron": "0 10 * * *", "timezone": "Asia/Shanghai"}},
        "entry": EVERYBODY,
        "goal": {"did": "order", "within": "P14D"},
        "steps": [SEND, PAUSE, AGAIN, DONE],
    }
    return deepcopy({name: value for name, value in (base | changes).items() if value is not None})


def a_journey(key: str = "win-back", **changes: Any) -> JourneyVersion:
    accounts.install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=NOW)
    return publishing.publish(a_document(key, **changes), by="li", now=NOW)


def members(count: int, name: str = "张") -> list[int]:
    made = Member.objects.bulk_create([Member(attributes={"name": name}, created_at=NOW) for _n in range(count)])
    return [member.pk for member in made]


def enrol(version: JourneyVersion, slot: str = "1", now: datetime = NOW, **more: Any) -> enrolment.Enrolled:
    return enrolment.enrol(version, cause=Cause("test", slot), as_of=now, **more)


def advance(now: datetime = NOW) -> int:
    return runner.advance_due(now=now)


def states() -> dict[str, int]:
    found = list(Enrolment.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in sorted(set(found))}


def steps_run(member: int | None = None) -> list[str]:
    runs = StepRun.objects.order_by("id")
    if member is not None:
        runs = runs.filter(enrolment__member=member)
    return [run.step for run in runs]


def faults(**changes: Any) -> list[tuple[str, str]]:
    """(path, code) of everything that is wrong with a document."""
    reader = document.Reader()
    document.read(reader, a_document(**changes))
    return [(fault.path, fault.code) for fault in reader.faults]
