"""The world that the examples of the OpenAPI document live in: member crm_id:1001 with a past, and the journey win-back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from cdp.ingest.accept import accept
from config.ground.cause import Cause
from loyalty import prizes, programmes
from tests import builders
from tests.automation.builders import a_journey, advance, enrol

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def a_world() -> int:
    """Returns the member."""
    member = builders.a_member(crm_id="1001", phone="+8613900000001", now=NOW, name="王芳", nickname="小王")
    row = {
        "id": "A1", "identities": ["crm_id:1001"], "placed_at": "2026-02-20T10:00:00+08:00", "amount": 9800,
        "currency": "CNY", "items": [{"sku": "tea", "quantity": 2, "amount": 9800}],
    }  # fmt: skip
    accept("orders", [row], source="shop", now=NOW)
    refund = {"id": "R1", "order_id": "A1", "refunded_at": "2026-02-22T10:00:00+08:00", "amount": 4900}
    accept("refunds", [refund], source="shop", now=NOW)
    event = {"id": "E1", "type": "search", "identities": ["crm_id:1001"], "occurred_at": "2026-02-20T09:00:00+08:00"}
    accept("events", [event], source="shop", now=NOW)
    programmes.start(points_per_unit=Decimal(1), now=NOW)
    prizes.give([prizes.Gift(member, Decimal("20.50"), Cause("test", "1"), "a test")], now=NOW)
    builders.a_consent(member, said=NOW)
    enrol(a_journey(entry={"field": "registered_at", "op": "is_set"}), now=NOW)
    advance(NOW)
    builders.absorbed(now=NOW)
    return member
