"""The world that the examples of the OpenAPI document live in: member crm_id:1001 with a past, and the journey win-back; on demand
also who else a person may be, and work that was asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django.db import connection

from cdp import exporting, identity, merging, segments
from cdp.api.merges import EXAMPLE
from cdp.ingest.accept import accept
from cdp.models import Segment
from config.ground import jobs
from config.ground.cause import Cause
from config.ground.openapi import PLACES
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


def the_rest(actor: str) -> None:
    """crm_id:1002, into whom crm_id:1003 was merged, and who may be crm_id:1001; the export of crm_id:1001 that `actor` asked for
    and that is done.
    """
    member = identity.find("crm_id", "1001")
    keep, drop = (builders.a_member(crm_id=number, now=NOW) for number in ("1002", "1003"))
    _next("cdp_merge", EXAMPLE["merge_id"])
    merging.merge(keep, drop, reason="one person", actor="test", now=NOW)
    accept("members", [{"identities": ["crm_id:1001", "crm_id:1002"]}], source="shop", now=NOW)
    segments.save(Segment(key=PLACES["segment"][1], name="fixed", condition=None), actor="test", now=NOW)
    _next("ground_job", PLACES["job"][1])
    exporting.ask(member, form="json", actor=actor, now=NOW)
    jobs.run_waiting(lambda: NOW)


def _next(table: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, number])
