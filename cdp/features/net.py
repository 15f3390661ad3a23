"""What an order is worth as of an instant, said once: every statement that counts orders reads it from here.

`Order.refunded` is the sum of all refunds, whenever they were: without any, or with a part refunded, the order's own row answers
and an index alone is read. Only what was refunded is asked when.
"""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, BooleanField, F, Func, Value

_NET = """({order}.amount - CASE {order}.refunded WHEN 0 THEN 0 ELSE (
    SELECT coalesce(sum(back.amount), 0)::bigint FROM cdp_refund back
    WHERE back.order_id = {order}.id AND back.refunded_at {until} {at}) END)"""
_KEPT = """({order}.refunded = 0 OR {order}.refunded < {order}.amount OR EXISTS (
    SELECT FROM cdp_refund back WHERE back.order_id = {order}.id AND NOT back.refunded_at {until} {at}))"""


def net(at: str, order: str = "o", until: str = "<=") -> str:
    """SQL: the amount paid less what went back until then."""
    return _NET.format(order=order, at=at, until=until)


def kept(at: str, order: str = "o", until: str = "<=") -> str:
    """SQL: not refunded in full until then, which is what counts as a purchase. An order of amount zero is one."""
    return _KEPT.format(order=order, at=at, until=until)


def purchases(at: str, until: str = "<=") -> str:
    """SQL: the orders that count as of an instant (`until="<"`: as known just before it), in the place of `cdp_order`."""
    return f"""(SELECT o.id, o.member_id, o.placed_at, {net(at, until=until)} AS amount
                FROM cdp_order o WHERE o.placed_at {until} {at} AND {kept(at, until=until)})"""


class _OfOrder(Func):
    """The same over the ORM's orders."""

    form: str

    def __init__(self, as_of: Any) -> None:
        super().__init__(F("pk"), Value(as_of))

    def as_sql(self, compiler: Any, connection: Any, **more: Any) -> tuple[str, Any]:  # type: ignore[override]
        (key, _none), (at, parameters) = (compiler.compile(item) for item in self.get_source_expressions())
        return self.form.format(order=key.rpartition(".")[0], at=at, until="<="), parameters


class Net(_OfOrder):
    form = _NET
    output_field = BigIntegerField()


class Kept(_OfOrder):
    form = _KEPT
    output_field = BooleanField()
    conditional = True
