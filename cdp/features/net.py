"""What an order is worth as of an instant, said once: every statement that counts orders reads it from here.

`Order.refunded` is the sum of all refunds, whenever they were: without any, or with a part refunded, the order's own row answers
and an index alone is read. Only what was refunded is asked when.

An exchange is no purchase of its own: the order that it goes back to is one, at its own instant, while anything of the chain is
kept. Its money counts, as does what was given back without an order: both stand beside the purchases.
"""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, BooleanField, F, Func, Value

_NET = """({order}.amount - CASE {order}.refunded WHEN 0 THEN 0 ELSE (
    SELECT coalesce(sum(back.amount), 0)::bigint FROM cdp_refund back
    WHERE back.order_id = {order}.id AND back.refunded_at {until} {at}) END)"""
_LEFT = """({order}.refunded = 0 OR {order}.refunded < {order}.amount OR EXISTS (
    SELECT FROM cdp_refund back WHERE back.order_id = {order}.id AND NOT back.refunded_at {until} {at}))"""
# By `own` and not by the order itself: a column that the index lacks would cost every order a look at its row.
_EXCHANGED = """EXISTS (
    WITH RECURSIVE swapped AS (
        SELECT x.id, x.source_id, x.external_id, x.amount, x.refunded FROM cdp_order own JOIN cdp_order x
            ON x.source_id = own.source_id AND x.exchange_of = own.external_id AND x.exchange_of <> ''
               AND x.placed_at {until} {at}
        WHERE own.id = {order}.id
        UNION SELECT x.id, x.source_id, x.external_id, x.amount, x.refunded FROM swapped JOIN cdp_order x
            ON x.source_id = swapped.source_id AND x.exchange_of = swapped.external_id AND x.exchange_of <> ''
               AND x.placed_at {until} {at})
    SELECT FROM swapped WHERE """
_KEPT = "({order}.exchange_of = '' AND (" + _LEFT + " OR " + _EXCHANGED + _LEFT.replace("{order}", "swapped") + ")))"


def net(at: str, order: str = "o", until: str = "<=") -> str:
    """SQL: the amount paid less what went back until then."""
    return _NET.format(order=order, at=at, until=until)


def kept(at: str, order: str = "o", until: str = "<=") -> str:
    """SQL: a purchase, as known then: not refunded in full, or exchanged for what was not. An order of amount zero is one."""
    return _KEPT.format(order=order, at=at, until=until)


def purchases(at: str, until: str = "<=") -> str:
    """SQL: the orders that count as of an instant (`until="<"`: as known just before it), in the place of `cdp_order`."""
    return f"""(SELECT o.id, o.member_id, o.placed_at, {net(at, until=until)} AS amount
                FROM cdp_order o WHERE o.placed_at {until} {at} AND {kept(at, until=until)})"""


def beside(at: str, until: str = "<=") -> str:
    """SQL: (member_id, at, amount) of the money that belongs to no purchase: exchanges, and below zero what was given back
    without an order, each at its own instant. Purchases and these together are all money.
    """
    return f"""(SELECT o.member_id, o.placed_at AS at, {net(at, until=until)} AS amount
                FROM cdp_order o WHERE o.exchange_of <> '' AND o.placed_at {until} {at}
                UNION ALL SELECT member_id, refunded_at, -amount FROM cdp_refund
                WHERE order_id IS NULL AND refunded_at {until} {at})"""


class _OfOrder(Func):
    """The same over the ORM's orders."""

    form: str

    def __init__(self, as_of: Any) -> None:
        super().__init__(F("pk"), Value(as_of))

    def as_sql(self, compiler: Any, connection: Any, **more: Any) -> tuple[str, Any]:  # type: ignore[override]
        (key, _none), (at, parameters) = (compiler.compile(item) for item in self.get_source_expressions())
        sql = self.form.format(order=key.rpartition(".")[0], at=at, until="<=")
        return sql, tuple(parameters) * self.form.count("{at}")


class Net(_OfOrder):
    form = _NET
    output_field = BigIntegerField()


class Kept(_OfOrder):
    form = _KEPT
    output_field = BooleanField()
    conditional = True


class Left(_OfOrder):
    """Something of the order itself is left, exchanged or not."""

    form = _LEFT
    output_field = BooleanField()
    conditional = True
