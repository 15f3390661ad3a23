"""The cast of this room's tests: members with a number, templates, wishes, and an account at a sandbox of their own."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection, transaction

from cdp import consents, identity, resolving
from cdp.models import Member
from config.ground.cause import Cause
from connectors import accounts, dispatch, outbox, receipts, templates, unknown
from connectors.models import Message, ProviderAccount
from connectors.outbox import Wish
from connectors.provider import PROVIDERS
from tests import outside

NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)  # noon in Shanghai
FAST = {"price_fen": 5, "query_lag": 0.3, "timeout": 0.4, "lease": 1.0}
TEXT = "${name}，本周有会员价。拒收请回复R"


@transaction.atomic
def a_member(phone: str = "13900000001", *, name: str = "张三", consent: str | None = "granted") -> int:
    members = resolving.resolve([[identity.parse(f"phone:{phone}")]], now=NOW).members
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cdp_member SET attributes = %s WHERE id = %s", [json.dumps({"name": name}), members[0]])
    if consent:
        say(members[0], consent)
    return members[0]


def say(member: int, state: str, *, at: datetime = NOW - timedelta(days=1)) -> None:
    consents.set_state([consents.Said(member, "sms", "marketing", state, at, "form 1")], now=at)


def a_template(key: str = "win-back", **more) -> None:
    said = {
        "name": key,
        "text": TEXT,
        "sign": "回头超市",
        "provider_code": "SMS_270000001",
        "variables": {"name": {"fact": "name"}},
    }
    templates.publish(key, more.pop("channel", "sms"), **(said | more), by="test", now=NOW)


def an_account(base_url: str = "http://127.0.0.1:9", **settings) -> ProviderAccount:
    accounts.install_sandbox(base_url, "http://127.0.0.1:9", now=NOW)
    ProviderAccount.objects.filter(key=accounts.SANDBOX).update(settings=FAST | settings)
    return ProviderAccount.objects.get(key=accounts.SANDBOX)


def a_wish(member: int, key: str = "1/hello/1", **more) -> Wish:
    said = {"channels": ("sms",), "template": "win-back", "data": {}, "cause": Cause("journey:win-back@1", key)}
    return Wish(member, **(said | more))


def a_message(member: int, key: str = "1/hello/1", **more) -> Message:
    wish = a_wish(member, key, **more)
    outbox.enqueue([wish], now=NOW)
    return Message.objects.get(pk=wish.cause.id)


def many(count: int, *, first: int = 13800001000) -> list[int]:
    """Members with a message each."""
    with transaction.atomic():
        keys = [[identity.parse(f"phone:{first + i}")] for i in range(count)]
        members = [member for member in resolving.resolve(keys, now=NOW).members if member]
        Member.objects.filter(pk__in=members).update(attributes={"name": "张三"})
        at = NOW - timedelta(days=1)
        said = [consents.Said(member, "sms", "marketing", "granted", at, "form 1") for member in members]
        consents.set_state(said, now=at)
    outbox.enqueue([a_wish(member, f"{member}/hello/1") for member in members], now=NOW)
    return members


def settle_all(*, seconds: float = 20, now: datetime = NOW) -> None:
    """What the ticks do, until nothing is due. Waits are jumped over, and count."""
    deadline = time.monotonic() + seconds
    while outbox.unsettled(now=now):
        assert time.monotonic() < deadline, Counter(Message.objects.values_list("state", "reason"))
        if not dispatch.send_due(limit=1000, now=now) + unknown.settle(now=now):
            deadline -= jump()


def jump() -> float:
    """To the next instant that something waits for, as if the time until then had passed. Returns how many seconds that were."""
    waits = [(Message, "ask_at"), (Message, "retry_at"), (Message, "lease_until"), (ProviderAccount, "slow_until")]
    instants = " UNION ALL ".join(
        f"SELECT min({name}) AS at FROM {model._meta.db_table} WHERE {name} > clock_timestamp()"
        for model, name in waits
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT extract(epoch FROM min(at) - clock_timestamp())::float FROM ({instants}) w")
        left = cursor.fetchone()[0] or 0.0  # something may have fallen due meanwhile
        for model, name in waits:
            cursor.execute(f"UPDATE {model._meta.db_table} SET {name} = {name} - make_interval(secs => %s)", [left])
    return left


def states() -> dict[str, int]:
    return dict(Counter(Message.objects.values_list("state", flat=True)))


class Sandbox:
    """The counterpart as a process of its own."""

    def __init__(self, log: Path, *more: str) -> None:
        self.log, self.port, self.more = log, "0", more
        self.start()

    def start(self) -> None:
        command = ["-m", "connectors.sandbox", "--port", self.port, "--log", str(self.log), *self.more]
        self.process = outside.Process(*command)
        self.url = self.process.stdout.readline().split()[-1]
        self.port = self.url.rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def accepted(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def phones(self) -> list[str]:
        return sorted(row["phone"] for row in self.accepted())

    def control(self, verb: str, **said) -> dict:
        request = urllib.request.Request(f"{self.url}/control/{verb}", json.dumps(said).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def barrier(self, **said) -> dict:
        return self.control("barrier", **said)

    def fault(self, mode: str, times: int = 1, code: str = "") -> None:
        self.control("fault", mode=mode, times=times, code=code)

    def state(self) -> dict:
        with urllib.request.urlopen(f"{self.url}/control/state", timeout=30) as answer:
            return json.load(answer)


def post(url: str, body: bytes) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def run(code: str, *, crash_at: str = "") -> int:
    """A piece of our code in a process of its own, on this test's database. Returns how it ended."""
    return outside.run(f"from tests.connectors.builders import *\n{code}", CRASH_AT=crash_at)


def send(*endings: str) -> list[Message]:
    sent = [a_message(a_member(f"1390000{ending}"), ending) for ending in endings]
    settle_all()
    return sent


def outcome(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.state, message.delivery


def report(message: Message, code: str = "DELIVERED", **more) -> dict:
    said = {
        "phone_number": "13900000001",
        "send_time": "2026-03-01 10:00:00",
        "report_time": "2026-03-01 10:00:04",
        "success": code == "DELIVERED",
        "err_code": code,
        "err_msg": "",
        "sms_size": "1",
        "biz_id": message.provider_id,
        "out_id": message.token.hex if message.token else "",
    }
    return said | more


def hear(account: ProviderAccount, *rows: dict) -> int:
    told, _answer = PROVIDERS.get("aliyun_sms").callback(json.dumps(rows).encode())
    return receipts.record(account, told, now=NOW)
