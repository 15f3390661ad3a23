"""An exchange is no purchase of its own: the order that it goes back to keeps its day while anything of the chain is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from cdp import identity
from cdp.ingest import tables
from cdp.models import Order, Profile, Refund, Source
from tests.builders import absorbed, at
from tests.cdp.refunding import counts, order, refund, send

pytestmark = pytest.mark.django_db
SOLD = order()  # A1, 1000 fen, on the 1st of October
BACK = refund(amount=1000)
SWAP = order(id="A2", amount=1200, exchange_of="A1", placed_at="2017-10-05T10:00:00+08:00")
SWAP_BACK = refund(id="R2", order_id="A2", amount=1200, refunded_at="2017-10-05T12:00:00+08:00")
AGAIN = order(id="A3", amount=900, exchange_of="A2", placed_at="2017-10-05T12:00:00+08:00")


def take(*rows):
    for row in rows:
        assert send("refunds" if "order_id" in row else "orders", row).accepted == 1


def profile(number="1", when="2017-10-06"):
    absorbed(now=at(when))
    found = Profile.objects.get(member=identity.find("crm_id", number))
    return found.orders, found.purchase_days, found.amount, found.last_order_at


FIRST = datetime(2017, 10, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([SOLD, SWAP, BACK], (1, 1, 1200, FIRST)),
        ([SOLD, SWAP, refund(amount=400)], (1, 1, 1800, FIRST)),
        ([SOLD, SWAP, BACK, SWAP_BACK], (0, 0, 0, None)),
        ([SOLD, SWAP, BACK, SWAP_BACK, AGAIN], (1, 1, 900, FIRST)),
        ([SWAP], (0, 0, 1200, None)),
    ],
    ids=["all", "a part", "and given back", "twice", "its order has not come"],
)
def test_the_order_of_arrival_makes_no_difference(rows, expected):
    for n, arrival in enumerate(permutations(rows), 1):
        renamed = [
            {
                name: [f"crm_id:{n}"]
                if name == "identities"
                else f"{value}/{n}"
                if name in ("id", "order_id", "exchange_of")
                else value
                for name, value in row.items()
            }
            for row in arrival
        ]
        for row in renamed:
            take(row)
        assert profile(str(n)) == expected, arrival


def test_a_profile_is_told_although_the_exchange_names_somebody_else_or_nobody():
    take(SOLD, BACK)
    assert profile() == (0, 0, 0, None)

    take(SWAP | {"identities": []})
    assert profile() == (1, 1, 0, FIRST)  # the day is kept; whoever took the goods paid for them
    take(SWAP_BACK)
    assert profile() == (0, 0, 0, None)
    take(AGAIN | {"identities": ["crm_id:2"]})
    assert profile() == (1, 1, 0, FIRST)
    assert profile("2") == (0, 0, 900, None)


def test_orders_that_are_exchanged_for_each_other_are_money_and_no_purchase():
    take(SOLD | {"exchange_of": "A2"}, SWAP)

    assert profile() == (0, 0, 2200, None)


def test_an_order_is_not_exchanged_for_itself():
    assert counts(send("orders", order(exchange_of="A1"))) == (0, 0, [(0, "exchange_of", "itself")])


def test_an_order_that_was_remembered_before_there_were_exchanges_is_a_duplicate_still():
    """What the first version remembered of SOLD: the marks of these fields and no others."""
    take(SOLD)
    old = ["amount", "channel", "coupon_codes", "currency", "items", "placed_at", "points_used", "store"]
    assert len(tables.stored_content("order", Source.objects.get(), ["A1"])["A1"]) == 16 + 4 * len(old)

    assert counts(send("orders", SOLD)) == (0, 1, [])
    assert counts(send("orders", SOLD | {"exchange_of": "A0"})) == (0, 0, [(0, "id", "conflict")])
    assert (Order.objects.count(), Refund.objects.count()) == (1, 0)
