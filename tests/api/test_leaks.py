"""A phone number, an e-mail address, an openid or a name that comes in by any door stands in no log, no error page, no audit row,
no alarm, no broker, and in no table in the clear but where the brand keeps the name.
"""

from __future__ import annotations

import io
import logging
import socket
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
import redis
import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from cdp import identity, personal
from cdp.ingest.accept import accept
from cdp.models import Identity
from config.ground import keys, rate
from tests.api.conftest import NOW
from tests.builders import absorbed
from tests.outside import environment

PHONE, EMAIL, OPENID, NAME = "+8613912345678", "zhang.san@example.com", "oPQR5tSecretOpenId", "张三丰"
WRITTEN = {
    "phone": ["13912345678", "139-1234-5678", "2B8613912345678"],
    "email": ["zhang.san", "zhang.san%40"],
    "openid": [OPENID],
    "name": [NAME, quote(NAME), NAME.encode().hex()],
}
NEVER = [text for texts in WRITTEN.values() for text in texts]
# Where the brand keeps what a member is called; identities stand nowhere.
NAMES_STAY = {"cdp_member"}


def traces(text: str) -> list[str]:
    return [one for one in [*NEVER, *(t.encode().hex() for t in NEVER)] if one in text]


@pytest.fixture
def lines():
    """All that our own log would hold."""
    (ours,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, structlog.stdlib.ProcessorFormatter))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(ours.formatter)
    for known in ours.filters:
        handler.addFilter(known)
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def everything_stored() -> dict[str, list[str]]:
    """Table -> what of the person can be read there."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"""
        )
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM public."{table}" t')
            if seen := traces(cursor.fetchone()[0] or ""):
                found[table] = seen
    return found


def everything_in_the_broker() -> str:
    valkey = rate._valkey(settings.BROKER_URL)
    said = []
    for key in valkey.scan_iter(count=1000):
        said.append(str(key))
        for read in (valkey.get, valkey.hgetall, lambda key: valkey.lrange(key, 0, -1), valkey.smembers):
            try:
                said.append(str(read(key)))
            except redis.ResponseError:
                continue
    return "\n".join(said)


def rows() -> dict[str, dict]:
    who = [f"phone:{PHONE}", f"email:{EMAIL}", f"wechat_openid@wx1:{OPENID}", "crm_id:c-1"]
    at = (NOW - timedelta(hours=1)).isoformat()
    order = {"id": "o1", "identities": who, "placed_at": at, "amount": 100, "currency": "CNY"}
    return {
        "members": {"identities": who, "attributes": {"name": NAME}},
        "orders": order,
        "refunds": {"id": "r1", "order_id": "o1", "refunded_at": at, "amount": 10},
        "events": {"id": "e1", "type": "wish", "identities": who, "occurred_at": at, "properties": {"to": NAME, "call": PHONE}},
    }  # fmt: skip


def doors(api, admin) -> None:
    """Every door, as it should be called and as it should not."""
    for kind, row in rows().items():
        for body in ({"source": "shop", kind: [row]}, {"source": "shop", kind: [row | {PHONE: NAME}]}):
            api.post(f"/api/v1/ingest/{kind}", body, format="json")
        broken = f'{{"source": "shop", "{kind}": [{{"id": "{PHONE}", "{EMAIL}": "{NAME}"'
        api.post(f"/api/v1/ingest/{kind}", broken, content_type="application/json")
        api.post(f"/api/v1/ingest/{kind}?{PHONE}={NAME}", {"source": NAME, kind: [{"id": PHONE}]}, format="json")
    for who in (
        f"phone:{PHONE}",
        f"email:{EMAIL}",
        f"wechat_openid@wx1:{OPENID}",
        f"phone:{NAME}",
        f"passport:{OPENID}",
    ):
        for path in (who, quote(who), f"{who}/nothing", f"{who}/consents"):
            api.get(f"/api/v1/members/{path}")
            api.get(f"/api/v1/members/{path}?name={NAME}")
        said = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": NOW.isoformat(), "evidence": "form"}
        api.post(f"/api/v1/members/{who}/consents", said, format="json", headers={"Idempotency-Key": "k-1"})
        api.post(
            f"/api/v1/members/{who}/consents", said | {PHONE: 1}, format="json", headers={"Idempotency-Key": "k-2"}
        )
    api.get(f"/api/v1/nothing/{EMAIL}")
    api.post(f"/api/v1/callbacks/aliyun_sms/nobody/{OPENID}", [{"phone_number": PHONE}], format="json")
    for term in (PHONE, EMAIL, f"wechat_openid@wx1:{OPENID}", NAME, "13912345678"):
        admin.get(reverse("admin:cdp_member_changelist"), {"q": term})
    member = identity.find("phone", PHONE)
    admin.get(reverse("admin:cdp_member_change", args=[member]))
    held = Identity.objects.get(member=member, kind="phone")
    admin.post(reverse("admin:cdp_identity_reveal", args=[member, held.pk]), {"reason": "a test of it"})


@pytest.mark.django_db(transaction=True)
def test_what_comes_in_by_any_door_is_in_no_log_and_no_table(partner, lines, monkeypatch):
    personal.declare("wish", personal=["to", "call"], retention_days=None, actor="test", now=NOW)
    api = partner("ingest", "members")
    api.raise_request_exception = False
    admin = Client(raise_request_exception=False)
    admin.force_login(User.objects.create_superuser("li", password="x"))

    doors(api, admin)
    absorbed()

    assert (Identity.objects.count(), identity.find("email", EMAIL) is not None) == (4, True)
    assert traces(lines.getvalue()) == []
    assert everything_stored() == {table: [NAME] for table in NAMES_STAY}
    assert traces(everything_in_the_broker()) == []


@pytest.mark.django_db(transaction=True)
def test_a_crash_tells_the_caller_nothing_and_the_log_only_where(partner, lines):
    api = partner("ingest", "members")
    api.raise_request_exception = False
    api.post("/api/v1/ingest/orders", {"source": "shop", "orders": [rows()["orders"]]}, format="json")

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cdp_profile RENAME TO elsewhere")
        try:
            answers = [
                api.get(f"/api/v1/members/phone:{PHONE}"),
                api.get(f"/api/v1/members/phone:{PHONE}?{NAME}={NAME}"),
            ]
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO cdp_profile")

    assert [answer.status_code for answer in answers] == [500, 400]
    assert traces(answers[0].content.decode()) == []
    assert "UndefinedTable" in lines.getvalue()
    assert traces(lines.getvalue()) == []


@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_the_web_server_writes_no_address_of_a_person_either(tmp_path):
    """With an access log, requests that are none, and a crash."""
    clear = keys.create("key", ["members"], "shop", actor="test", now=NOW)
    assert accept("orders", [rows()["orders"]], source="shop", now=NOW).accepted == 1
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = tmp_path / "words"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", f"127.0.0.1:{port}"]
    with open(words, "wb") as out:
        web = subprocess.Popen(
            [*command, "--workers", "1", "--access-logfile", "-", "--access-logformat", '%(h)s %(r)s %(U)s %(q)s %(s)s %(f)s'],
            env=environment(SECRET_KEY=settings.SECRET_KEY, FIELD_KEY=settings.FIELD_KEY, HUITOU_ROLE="web"),
            stdout=out, stderr=out, cwd=settings.BASE_DIR,
        )  # fmt: skip
    try:
        _wait(port)
        bearer = f"Authorization: Bearer {clear}\r\nReferer: http://x/admin/?q={PHONE}"
        said = [
            _ask(port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{bearer}\r\n\r\n")
            for path in (
                f"/api/v1/members/phone:{PHONE}", f"/api/v1/members/phone%3A{quote(PHONE, safe='')}",
                f"/api/v1/members/wechat_openid@wx1:{OPENID}", f"/admin/cdp/member/?q={quote(NAME)}",
                f"/admin/cdp/member/?q={quote(PHONE, safe='')}", f"/api/v1/callbacks/aliyun_sms/main/{OPENID}",
            )
        ]  # fmt: skip
        _ask(port, f"GET /api/v1/members/phone:{PHONE} {OPENID} HTTP/1.1\r\n\r\n")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE cdp_profile RENAME TO elsewhere")
        said.append(
            _ask(
                port,
                f"GET /api/v1/members/phone:{PHONE} HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\nConnection: close\r\n\r\n",
            )
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE IF EXISTS elsewhere RENAME TO cdp_profile")
        web.terminate()
        web.wait(20)

    assert [one.split(" ")[1] for one in said] == ["200", "200", "200", "302", "302", "405", "500"], said
    logged = words.read_text()
    assert logged.count("/api/v1/members/[redacted]") >= 4
    assert "q=[redacted]" in logged
    assert traces(logged) == []
    assert clear not in logged


def _wait(port: int) -> None:
    for _try in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the web server did not start")


def _ask(port: int, text: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(text.encode())
        answer = b""
        while block := wire.recv(65536):
            answer += block
    return answer.decode(errors="replace")
