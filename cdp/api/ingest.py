"""Rows come in. The good ones are durable before the answer; the others are named with their index and field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import DataError
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.errors import BatchRejected, Rejected
from cdp.ingest import log
from cdp.ingest.accept import accept
from cdp.ingest.rows import EventRow, MemberRow, OrderRow, ProductRow, RefundRow
from cdp.models import IngestCall
from config.ground import clock, openapi, request_id, strict
from config.ground.problems import Fault, Refused
from config.ground.web import Door, body_of, flag, key_of

MOST = 1000  # rows of a batch
ATOMIC = OpenApiParameter("atomic", bool, description="Store all rows or none (422).")
WHO = ["crm_id:1001"]
EXAMPLES: dict[str, dict[str, Any]] = {
    "members": {
        "identities": [*WHO, "phone:+8613900000001"],
        "attributes": {"name": "王芳", "city": "上海"},
        "consents": [
            {
                "channel": "sms",
                "purpose": "marketing",
                "state": "granted",
                "at": "2026-02-01T10:00:00+08:00",
                "evidence": "form 7",
            }
        ],
        "registered_at": "2026-02-01T10:00:00+08:00",
    },
    "products": {
        "sku": "tea-250",
        "name": "绿茶 250g",
        "brand": "山里",
        "category": ["饮品", "茶"],
        "price": 4900,
        "replenish_days": 30,
    },
    "orders": {
        "id": "A1001",
        "identities": WHO,
        "placed_at": "2026-02-20T10:00:00+08:00",
        "amount": 9800,
        "currency": "CNY",
        "channel": "app",
        "items": [{"sku": "tea-250", "name": "绿茶 250g", "quantity": 2, "amount": 9800}],
    },
    "refunds": {"id": "R1001", "order_id": "A1001", "refunded_at": "2026-02-22T10:00:00+08:00", "amount": 4900},
    "events": {
        "id": "E1001",
        "type": "search",
        "identities": WHO,
        "occurred_at": "2026-02-20T09:58:00+08:00",
        "properties": {"query": "绿茶"},
    },
}


class _Batch(Struct, forbid_unknown_fields=True):
    """What a batch says; each row is read on its own, so that one bad row does not refuse the others."""

    source: str


class _Members(_Batch):
    members: list[Any]


class MemberBatch(_Batch):
    members: list[MemberRow]


class _Products(_Batch):
    products: list[Any]


class ProductBatch(_Batch):
    products: list[ProductRow]


class _Orders(_Batch):
    orders: list[Any]


class OrderBatch(_Batch):
    orders: list[OrderRow]


class _Refunds(_Batch):
    refunds: list[Any]


class RefundBatch(_Batch):
    refunds: list[RefundRow]


class _Events(_Batch):
    events: list[Any]


class EventBatch(_Batch):
    events: list[EventRow]


class IngestAnswer(Struct):
    accepted: int
    duplicates: int
    rejected: list[Rejected]


def batch_call(summary: str, name: str, body: type[Struct]) -> Callable[[Any], Any]:
    """How the document describes a door of this file."""
    kind = name.removeprefix("ingest_")
    return openapi.call(
        summary,
        name=name,
        body=body,
        answers={202: IngestAnswer},
        refusals=(422,),
        parameters=(ATOMIC,),
        example={"source": "shop", kind: [EXAMPLES[kind]]},
        answer={"accepted": 1, "duplicates": 0, "rejected": []},
    )


class Ingest(Door):
    """`kind` names the rows in the envelope and the verb's table of kinds; `paced`: a storm of one member is held back."""

    scope = "ingest"
    kind: str
    envelope: type[Struct]
    came = 0  # rows, when the call could be read so far
    bad: Sequence[Rejected] = ()  # those for which the others were not stored
    paced = False

    def take(self, request: Request) -> Response:
        """Rows are let in or the call is refused; either way the log says what came."""
        now, call = clock.now(), self._call(request)
        try:
            return self._let_in(request, call, now)
        except (Refused, APIException, DataError) as error:
            self._refused(request, call, error, now)
            raise

    def _call(self, request: Request) -> log.Call:
        try:
            body = log.seal(body_of(request))
        except Refused:  # larger than a body may be: the parser says so
            body = None
        key = key_of(request)
        return log.Call(IngestCall.Door.API, f"api:{key.name}", request_id.current(), body=body)

    def _let_in(self, request: Request, call: log.Call, now: datetime) -> Response:
        batch: Any = strict.shape(request.data, self.envelope)
        rows = getattr(batch, self.kind)
        self.came = len(rows)
        if batch.source != key_of(request).source:
            raise Refused(403, "other_source", _("this key is bound to another source"))
        if len(rows) > MOST:
            raise Refused(413, "too_many_rows", _("a batch has at most %(most)d rows") % {"most": MOST})
        atomic = flag(request, "atomic")
        try:
            answer = accept(self.kind, rows, source=batch.source, atomic=atomic, paced=self.paced, call=call, now=now)
        except BatchRejected as error:
            self.bad = error.rejected
            faults = [Fault(f"{self.kind}[{r.index}].{r.path}", r.code, r.message) for r in error.rejected]
            raise Refused(422, "rejected", _("rows were rejected, so none was stored"), faults) from None
        return Response(IngestAnswer(answer.accepted, answer.duplicates, answer.rejected), status=202)

    def _refused(
        self, request: Request, call: log.Call, error: Refused | APIException | DataError, now: datetime
    ) -> None:
        match error:
            case Refused():
                code = error.problem.code
            case APIException():
                code = str(error.get_codes())
            case _:
                code = "unstorable"
        source = key_of(request).source
        call.refused(self.kind, code, source=source, rows=self.came, rejected=self.bad, now=now)


class IngestMembers(Ingest):
    kind, envelope = "members", _Members

    @batch_call("Members come in", "ingest_members", MemberBatch)
    def post(self, request: Request) -> Response:
        return self.take(request)


class IngestProducts(Ingest):
    kind, envelope = "products", _Products

    @batch_call("Products come in", "ingest_products", ProductBatch)
    def post(self, request: Request) -> Response:
        return self.take(request)


class IngestOrders(Ingest):
    kind, envelope = "orders", _Orders

    @batch_call("Orders come in", "ingest_orders", OrderBatch)
    def post(self, request: Request) -> Response:
        return self.take(request)


class IngestRefunds(Ingest):
    kind, envelope = "refunds", _Refunds

    @batch_call("Refunds come in", "ingest_refunds", RefundBatch)
    def post(self, request: Request) -> Response:
        return self.take(request)


class IngestEvents(Ingest):
    kind, envelope, paced = "events", _Events, True

    @batch_call("Events come in", "ingest_events", EventBatch)
    def post(self, request: Request) -> Response:
        return self.take(request)
