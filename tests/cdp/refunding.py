"""Orders and refunds as a shop sends them."""

from __future__ import annotations

from cdp.ingest.accept import accept
from cdp.models import Refund
from tests.builders import at


def refund(**other):
    return {"id": "R1", "order_id": "A1", "refunded_at": "2017-10-05T10:00:00+08:00", "amount": 400} | other


def order(**other):
    return {
        "id": "A1", "identities": ["crm_id:1"], "placed_at": "2017-10-01T10:00:00+08:00", "amount": 1000, "currency": "CNY",
    } | other  # fmt: skip


def send(kind, *rows, now="2017-10-06", **how):
    return accept(kind, list(rows), source="shop", now=at(now), **how)


def counts(answer):
    return answer.accepted, answer.duplicates, [(r.index, r.path, r.code) for r in answer.rejected]


def stored():
    return list(Refund.objects.order_by("external_id").values_list("external_id", "order__external_id", "amount"))
