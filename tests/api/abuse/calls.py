"""What the rows of the table are tried on: a word of consent, a batch of rows, and how an answer is read."""

from __future__ import annotations

import json
from typing import Any

JSON = "application/json"
WORD = {
    "channel": "sms", "purpose": "marketing", "state": "granted", "at": "2026-03-01T10:00:00+08:00", "evidence": "form",
}  # fmt: skip
HERE = "/api/v1/members/crm_id:1"
ORDER = {
    "id": "A1", "identities": ["crm_id:1"], "placed_at": "2026-03-01T10:00:00+08:00", "amount": 100, "currency": "CNY",
}  # fmt: skip
REFUND = {"id": "R1", "order_id": "A1", "refunded_at": "2026-03-01T11:00:00+08:00", "amount": 40}
EVENT = {"id": "E1", "type": "search", "identities": ["crm_id:1"], "occurred_at": "2026-03-01T10:00:00+08:00"}


def send(client, body: bytes | Any, url: str, method: str = "POST", kind: str = JSON, **headers: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return client.generic(method, url, raw, content_type=kind, headers=headers)


def said(client, word: Any = WORD, **headers: Any) -> Any:
    return send(client, word, f"{HERE}/consents", **headers)


def ingest(client, kind: str, *rows: Any, source: str = "shop", query: str = "", **headers: Any) -> Any:
    return send(client, {"source": source, kind: list(rows)}, f"/api/v1/ingest/{kind}{query}", **headers)


def rejected(response: Any) -> list[tuple[int, str, str]]:
    assert response.status_code == 202, response.content
    return [(row["index"], row["path"], row["code"]) for row in json.loads(response.content)["rejected"]]


def refusal(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, json.loads(response.content)["code"]
