"""The cast of this room's tests: members, and a programme of one point per yuan."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from cdp.ingest import accept
from cdp.models import Member, Order
from config.ground.cause import Cause
from loyalty import programmes
from loyalty.ledger.earn import Earning, Terms
from loyalty.models import PointsAccount, Programme

NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)


def a_programme(points_per_unit: str = "1", key: str = "main") -> Programme:
    return programmes.start(key, points_per_unit=Decimal(points_per_unit), now=NOW)


def a_member() -> int:
    return Member.objects.create(created_at=NOW).pk


def an_order(number: str, amount: int, person: str = "1", **other: str) -> Order:
    """Comes in as a partner sends it, and waits to be heard."""
    row = {
        "id": number,
        "identities": [f"crm_id:{person}"],
        "placed_at": NOW.isoformat(),
        "amount": amount,
        "currency": "CNY",
    } | other
    answer = accept.accept("orders", [row], source="shop", now=NOW)
    assert (answer.accepted, answer.rejected) == (1, [])
    return Order.objects.get(external_id=number)


def an_earning(member: int, points: str, key: str = "1", **terms: object) -> Earning:
    return Earning(member, Decimal(points), Cause("test", key), Terms("a test", NOW, **terms))


def balance(member: int) -> Decimal:
    return PointsAccount.objects.get(member=member, programme__key="main").avail
