"""The cast of the tests, brought in through the doors' own verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from cdp import consents, feed, identity
from cdp.ingest.accept import accept
from cdp.models import Order
from cdp.tasks import drain_all
from config.ground import clock
from config.ground.models import Brand

LONG_AGO = datetime(2016, 1, 1, tzinfo=UTC)
_number = count(1)


def at(text: str) -> datetime:
    """ "2017-10-01 10:00" on the brand's wall -> the instant in UTC; a day alone is its midnight."""
    return datetime.fromisoformat(text).replace(tzinfo=clock.zone()).astimezone(UTC)


def a_member(
    *, crm_id: str = "", phone: str = "", openid: str = "", now: datetime = LONG_AGO, **attributes: Any
) -> int:
    """Somebody new, with a number of their own in the CRM."""
    keys = {"crm_id": crm_id or f"test-{next(_number)}", "phone": phone, "wechat_openid@wxdemo": openid}
    row = {
        "identities": [f"{kind}:{value}" for kind, value in keys.items() if value],
        "attributes": attributes,
        "registered_at": now.isoformat(),
    }
    _take("members", row, now=now)
    member = identity.find("crm_id", keys["crm_id"])
    assert member is not None
    return member


def an_order(
    member: int,
    placed: datetime | str,
    amount: int = 1000,
    *,
    history: bool = False,
    now: datetime | None = None,
    **row: Any,
) -> Order:
    """Comes in as a partner sends it; it waits to be absorbed (`absorbed`)."""
    placed = at(placed) if isinstance(placed, str) else placed
    row = {
        "id": f"order-{next(_number)}",
        "identities": [f"crm_id:{identity.addresses([member], 'crm_id')[member]}"],
        "placed_at": placed.isoformat(),
        "amount": amount,
        "currency": Brand.objects.the().currency,
    } | row
    _take("orders", row, now=now or placed, history=history)
    return Order.objects.get(external_id=row["id"])


def a_refund(order: Order, refunded: datetime | str, amount: int, *, now: datetime | None = None) -> None:
    refunded = at(refunded) if isinstance(refunded, str) else refunded
    row = {
        "id": f"refund-{next(_number)}",
        "order_id": order.external_id,
        "refunded_at": refunded.isoformat(),
        "amount": amount,
    }
    _take("refunds", row, now=now or refunded)


def an_event(
    member: int, type: str, occurred: datetime | str, *, now: datetime | None = None, **properties: Any
) -> None:
    occurred = at(occurred) if isinstance(occurred, str) else occurred
    row = {
        "id": f"event-{next(_number)}",
        "type": type,
        "identities": [f"crm_id:{identity.addresses([member], 'crm_id')[member]}"],
        "occurred_at": occurred.isoformat(),
        "properties": properties,
    }
    _take("events", row, now=now or occurred)


def a_consent(
    member: int, channel: str = "sms", state: str = "granted", *, purpose: str = "marketing", said: datetime = LONG_AGO
) -> None:
    consents.set_state([consents.Said(member, channel, purpose, state, said, "test")], now=said)


def absorbed(*, now: datetime | None = None) -> None:
    """All that waits is in the profiles, and every reader has heard it."""
    if now is None:
        drain_all()
    else:
        while sum(feed.drain(reader, limit=1000, now=now) for reader, _read in feed.READERS.items()):
            pass


def _take(kind: str, row: dict[str, Any], *, now: datetime, history: bool = False) -> None:
    answer = accept(kind, [row], source="shop", history=history, now=now)
    assert (answer.accepted, answer.rejected) == (1, []), answer
