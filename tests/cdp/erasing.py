"""Somebody with everything that a member may leave in the house, and a search of the whole house for what names them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection

from automation import enrolment, runner
from cdp import erasure, identity
from cdp.ingest.accept import accept
from cdp.models import ErasureReceipt
from config.ground import crypto, jobs
from config.ground.cause import Cause
from connectors import outbox
from connectors.models import Message, ProviderAccount
from connectors.outbox import Wish
from loyalty import prizes, programmes
from tests.automation.builders import a_journey
from tests.builders import absorbed
from tests.connectors.builders import NOW

PHONE, EMAIL, OPENID, NAME, SECRET = "+8613912345678", "li.lei.77@example.com", "oLiLei77", "李雷七七", "胰岛素-77"
TRACES = (PHONE, PHONE[3:], EMAIL, OPENID, NAME, SECRET, "母亲韩梅梅")
EVERYBODY = {"field": "registered_at", "op": "is_set"}


def somebody(*, now: datetime = NOW) -> int:
    """A member of whom every room holds something: orders, a refund, events, words, points, an enrolment, messages."""
    day = (now - timedelta(days=9)).isoformat()
    named = [f"phone:{PHONE}", f"email:{EMAIL}", f"wechat_openid@wx1:{OPENID}", "crm_id:77"]
    word = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": day, "wording": "v3"}
    take(
        "members",
        {
            "identities": named, "attributes": {"name": NAME, "birthday": "2005-05-01"}, "registered_at": day,
            "consents": [word | {"evidence": f"form of {NAME}", "guardian": "母亲韩梅梅"}],
        },
        now=now,
    )  # fmt: skip
    order = {"id": "A77", "identities": named[:1], "placed_at": day, "amount": 12_345, "currency": "CNY"}
    take("orders", order | {"items": [{"sku": "tea", "quantity": 1, "amount": 12_345}]}, now=now)
    take("refunds", {"id": "R77", "order_id": "A77", "refunded_at": day, "amount": 345}, now=now)
    ticket = {"id": "T77", "type": "ticket", "identities": named[1:2], "occurred_at": day}
    take("events", ticket | {"properties": {"text": f"{NAME}: {SECRET}", "phone": PHONE}}, now=now)
    member = identity.find("crm_id", "77")
    assert member
    programmes.start(points_per_unit=Decimal(1), now=now)
    prizes.give([prizes.Gift(member, Decimal("20.50"), Cause("test", "1"), "a gift")], now=now)
    absorbed(now=now)
    return member


def on_a_journey(member: int, *, now: datetime = NOW) -> Message:
    """Enrolled, with a message that is ready to go."""
    open_at = dict(ProviderAccount.objects.values_list("key", "base_url"))
    version = a_journey(entry=EVERYBODY)
    for key, url in open_at.items():
        ProviderAccount.objects.filter(key=key).update(base_url=url)
    enrolment.enrol(version, cause=Cause("test", "1"), as_of=now)
    runner.advance_due(now=now)
    return Message.objects.get(member=member)


def a_wish(member: int, key: str, *, template: str = "win-back", now: datetime = NOW) -> UUID:
    wish = Wish(member, ("sms",), template, {"name": NAME}, Cause("test", key), purpose="service")
    outbox.enqueue([wish], now=now)
    return wish.cause.id


def take(kind: str, row: dict, *, source: str = "shop", now: datetime = NOW) -> None:
    answer = accept(kind, [row], source=source, now=now)
    assert (answer.accepted, answer.rejected) == (1, []), answer


def erased(member: int, *, now: datetime = NOW) -> ErasureReceipt:
    return erasure.erase(member, reason="asked", actor="admin:li", asked_at=now, now=now)


def asked_and_erased(member: int, *, now: datetime = NOW) -> ErasureReceipt:
    erasure.ask(member, reason="asked", actor="admin:li", now=now)
    jobs.run_waiting(lambda: now)
    return ErasureReceipt.objects.get(member=member)


def traces(*texts: str) -> list[str]:
    """Where one of the texts stands: in any column of any table, and in whatever the key of this house opens."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, a.attname, a.atttypid::regtype::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                 AND a.attnum > 0 AND NOT a.attisdropped"""
        )
        for table, column, type in cursor.fetchall():
            cursor.execute(f'SELECT "{column}"{"" if type == "bytea" else "::text"} FROM "{table}"')
            for (value,) in cursor.fetchall():
                said = opened(bytes(value)) if type == "bytea" and value else value
                found += [f"{table}.{column}" for text in texts if said and text in said]
    return sorted(set(found))


def opened(value: bytes) -> str:
    try:
        return crypto.unseal_bytes(value).decode("utf-8", "replace")
    except Exception:  # not sealed at all: a hash, a blind index
        return value.decode("utf-8", "replace")


def totals() -> dict[str, list]:
    """What the books say, to the fen."""
    asked = {
        "orders": "SELECT count(*), sum(amount), sum(refunded) FROM cdp_order",
        "by member": "SELECT member_id, sum(amount - refunded) FROM cdp_order GROUP BY 1 ORDER BY 1",
        "refunds": "SELECT count(*), sum(amount) FROM cdp_refund",
        "accounts": "SELECT member_id, avail, pend, held, debt FROM loyalty_pointsaccount ORDER BY id",
        "entries": "SELECT count(*), sum(amount) FROM loyalty_entry",
        "legs": "SELECT from_book, to_book, sum(amount) FROM loyalty_leg GROUP BY 1, 2 ORDER BY 1, 2",
        "events": "SELECT type, count(*) FROM cdp_event WHERE type NOT LIKE '%.%' GROUP BY 1 ORDER BY 1",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, sql in asked.items():
            cursor.execute(sql)
            found[name] = cursor.fetchall()
    return found
