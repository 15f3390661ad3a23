"""Lines below zero in a flat file: refunds of the orders that they name, else returns of their member or of nobody."""

from __future__ import annotations

import pytest

from cdp import identity
from cdp.models import Order, OrderLine, Parked, Refund, RefundLine
from tests.builders import at

pytestmark = pytest.mark.django_db
HEAD = "id,crm_id,placed_at,sku,quantity,amount,order_id\n"


def lines(*rows):
    return HEAD + "".join(f"{row}\n" for row in rows)


def refunds():
    rows = Refund.objects.order_by("external_id")
    return [(r.external_id, r.order and r.order.external_id, r.member_id, r.amount) for r in rows]


def orders():
    return list(Order.objects.order_by("external_id").values_list("external_id", "amount", "refunded"))


SALE = "A,1,2026-03-01T10:00:00Z,tea,2,10.00,"
ZERO = "A,1,2026-03-01T10:00:00Z,gift,1,0,"
BACK = "A,1,2026-03-01T10:05:00Z,cup,-1,-4.00,"
OF_A = "C1,1,2026-03-03T10:00:00Z,tea,-1,-5.00,A"
NOBODYS = "C2,,2026-03-03T10:00:00Z,tea,-1,-5.00,"


def test_an_order_of_only_lines_below_zero_is_a_return_and_a_mixed_one_is_both(bring):
    report = bring("order_lines", lines(SALE, ZERO, BACK, NOBODYS))

    assert (report.read, report.stored, report.rejected) == (4, 4, 0)
    assert dict(report.orders) == {"stored": 1, "duplicates": 0}
    assert dict(report.refunds) == {"stored": 2, "duplicates": 0}
    member = identity.find("crm_id", "1")
    assert orders() == [("A", 1000, 0)]
    assert sorted(OrderLine.objects.values_list("sku", "amount")) == [("gift", 0), ("tea", 1000)]
    assert refunds() == [("lines:A", None, member, 400), ("lines:C2", None, None, 500)]
    assert list(Refund.objects.order_by("external_id").values_list("refunded_at", flat=True)) == [
        at("2026-03-01 18:05"), at("2026-03-03 18:00"),
    ]  # fmt: skip
    assert list(RefundLine.objects.values_list("sku", "quantity", "amount").order_by("sku")) == [
        ("cup", 1, 400),
        ("tea", 1, 500),
    ]


def test_a_line_that_names_its_order_is_a_refund_of_it_wherever_the_two_stand(bring):
    report = bring("order_lines", lines(OF_A, SALE, "C1,1,2026-03-03T10:00:00Z,tea,-1,-1.00,NULL"))

    assert (report.read, report.stored, report.parked) == (3, 3, 0)
    assert orders() == [("A", 1000, 500)]
    assert [row[:2] for row in refunds()] == [("lines:C1", None), ("lines:C1:A", "A")]


def test_a_refund_of_an_order_that_has_not_come_waits_and_one_above_it_is_rejected_with_its_lines(bring):
    early = bring("order_lines", lines(OF_A))
    assert (early.stored, early.parked, Parked.objects.get().waits_for) == (1, 1, "A")
    assert "crm_id" not in str(Parked.objects.get().row)

    bring("order_lines", lines(SALE), name="sales.csv")
    assert orders() == [("A", 1000, 500)]
    more = ["C3,1,2026-03-04T10:00:00Z,tea,-1,-3.00,A", "C3,1,2026-03-04T10:00:00Z,cup,-1,-2.01,A"]
    report = bring("order_lines", lines(*more, NOBODYS), name="more.csv")

    assert (report.stored, dict(report.reasons)) == (1, {"too_much": 1, "with_line": 1})
    assert dict(report.refunds) == {"rejected": 1, "stored": 1, "duplicates": 0}
    assert report.first[0].column == "amount"
    assert orders() == [("A", 1000, 500)]


def test_the_same_file_again_and_an_overlapping_one_store_nothing_twice(bring):
    text = lines(SALE, BACK, OF_A, NOBODYS)
    bring("order_lines", text)
    before = (orders(), refunds())

    again = bring("order_lines", text)
    later = bring("order_lines", lines(NOBODYS, BACK, SALE, "D,1,2026-03-05T10:00:00Z,tea,1,5.00,"), name="later.csv")

    assert (again.stored, again.duplicates) == (0, 4)
    assert (later.stored, later.duplicates) == (1, 3)
    assert ([*before[0], ("D", 500, 0)], before[1]) == (orders(), refunds())
    other = bring("order_lines", lines(NOBODYS.replace("-5.00", "-6.00")), name="other.csv")
    assert dict(other.reasons) == {"conflict": 1}


@pytest.mark.parametrize(
    ("quantity", "amount", "fen"),
    [("-1", "5.00", 500), ("1", "-5.00", 500), ("-1", "0", 0), ("-0.5", "-0.01", 1), ("0", "-5.00", 500)],
)
def test_either_below_zero_is_a_return(bring, quantity, amount, fen):
    report = bring("order_lines", lines(f"C,1,2026-03-01T10:00:00Z,tea,{quantity},{amount},"))

    assert (report.stored, orders(), [row[3] for row in refunds()]) == (1, [], [fen])


def test_a_price_below_zero_is_a_return_and_discounts_of_returns_are_left_out(bring):
    text = "id,placed_at,sku,quantity,unit_price,discount\nC,2026-03-01T10:00:00Z,tea,3,-1.005,-2\n"

    assert bring("order_lines", text).stored == 1
    assert [row[3] for row in refunds()] == [302]


def test_a_refund_of_nothing_that_names_an_order_is_rejected(bring):
    report = bring("order_lines", lines(SALE, "C,1,2026-03-03T10:00:00Z,gift,-1,0,A"))

    assert (report.stored, dict(report.reasons)) == (1, {"out_of_range": 1})
    assert (report.first[0].line, report.first[0].column) == (3, "amount")


def test_a_bad_line_keeps_its_whole_group_out(bring):
    report = bring("order_lines", lines(SALE, BACK.replace("-4.00", "-4.001")))

    assert (report.stored, dict(report.reasons)) == (0, {"too_fine": 1, "with_line": 1})
    assert (orders(), refunds()) == ([], [])


def test_an_exchange_is_said_by_its_order(bring):
    text = "id,crm_id,placed_at,sku,quantity,amount,exchange_of\nB,1,2026-03-02T10:00:00Z,cup,1,5.00,A\nB,1,2026-03-02T10:00:00Z,tea,1,1.00,\n"
    bring("order_lines", text)
    bring("orders", "id,placed_at,amount,exchange_of\nC,2026-03-02T10:00:00Z,5,A\nD,2026-03-02T10:00:00Z,5,\n")

    assert list(Order.objects.order_by("external_id").values_list("external_id", "exchange_of")) == [
        ("B", "A"), ("C", "A"), ("D", ""),
    ]  # fmt: skip
