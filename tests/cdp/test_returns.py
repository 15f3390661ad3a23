"""What came back without an order is netted against its member from that instant, and is nobody's purchase."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp.conditions import matching
from cdp.features.purchase import PURCHASE
from cdp.ingest.accept import accept
from cdp.models import FeedRow, Member, Order, PopulationRun, Profile, Refund, RefundLine
from tests.builders import a_member, absorbed, an_order, at
from tests.cdp.refunding import counts, order, refund, send

pytestmark = pytest.mark.django_db
ITEMS = [{"sku": "tea", "quantity": 1, "amount": 300}]


def a_return(id="X", member="1", when="2017-10-05T10:00:00+08:00", amount=300, **other):
    whose = [f"crm_id:{member}"] if member else []
    return {
        "id": id, "refunded_at": when, "amount": amount, "currency": "CNY", "items": ITEMS, "identities": whose
    } | other  # fmt: skip


def give_back(*rows, now="2017-10-06"):
    return counts(accept("returns", list(rows), source="shop", now=at(now)))


def profile(member, when):
    absorbed(now=at(when))
    return Profile.objects.values_list("orders", "purchase_days", "amount", "amount_365").get(member=member)


def test_a_return_lowers_what_its_member_spent_from_its_instant_on():
    member = a_member(crm_id="1")
    an_order(member, "2017-10-01", 1000)

    assert give_back(a_return()) == (1, 0, [])

    assert profile(member, "2017-10-06") == (1, 1, 700, 700)
    returned = Refund.objects.get()
    assert (returned.order, returned.member_id, returned.amount) == (None, member, 300)
    assert list(RefundLine.objects.values_list("sku", "quantity", "amount")) == [("tea", 1, 300)]
    Profile.objects.all().delete()
    with connection.cursor() as cursor:
        for when, spent in (("2017-10-05 09:59", 1000), ("2017-10-05 10:00", 700), ("2018-10-04 12:00", 700)):
            cursor.execute(f"SELECT amount, amount_365 FROM ({PURCHASE}) p", {"members": [member], "as_of": at(when), "tz": "Asia/Shanghai", "base": 90, "k": 3})  # fmt: skip
            assert cursor.fetchone() == (spent, -300 if when.startswith("2018") else spent)


def test_a_member_who_only_gave_back_has_no_purchase_and_stands_below_zero():
    assert give_back(a_return(), a_return("Y", member="")) == (2, 0, [])

    assert profile(Member.objects.get(), "2017-10-06") == (0, 0, -300, -300)
    assert list(Refund.objects.order_by("external_id").values_list("external_id", "member")) == [
        ("X", Member.objects.get().pk), ("Y", None),
    ]  # fmt: skip
    assert not Order.objects.exists()


def test_the_same_return_is_stored_once_and_another_under_its_number_is_a_conflict():
    give_back(a_return())

    assert give_back(a_return(), a_return(amount=200)) == (0, 1, [(1, "id", "conflict")])
    assert give_back(a_return("Z", amount=0)) == (1, 0, [])  # what had cost nothing came back
    assert give_back(a_return("W", currency="USD")) == (0, 0, [(0, "currency", "wrong_currency")])
    assert Refund.objects.count() == 2


def test_the_cuts_of_the_tiers_are_of_net_money():
    for number, returned in (("1", 0), ("2", 900), ("3", 1000)):
        an_order(a_member(crm_id=number), "2017-10-01", 1000)
        if returned:
            give_back(a_return(number, member=number, amount=returned))
    absorbed(now=at("2017-10-07"))

    run = PopulationRun.objects.get(day="2017-10-07")
    assert (run.middle_cut, run.top_cut) == (1000, 1000)  # of 100 and 1000; nothing is left of the third
    assert Profile.objects.get(amount=0).value_tier == "base"


def test_a_condition_asks_what_a_member_gave_back_with_and_without_an_order():
    member, other = a_member(crm_id="1"), a_member(crm_id="2")
    send("orders", order())
    send("refunds", refund(amount=100))
    give_back(a_return())

    def found(**asked):
        return list(matching({"did": "refund"} | asked, as_of=at("2017-10-06")).values_list("pk", flat=True))

    assert found() == [member]
    assert found(count={"op": "=", "value": 2}) == [member]
    assert found(sum={"of": "amount", "op": "=", "value": 400}) == [member]
    assert found(count={"op": "=", "value": 0}) == [other]
    assert list(
        matching({"did": "order", "sum": {"of": "amount", "op": "=", "value": 900}}, as_of=at("2017-10-06"))
    ) == [Member.objects.get(pk=member)]


def test_whose_a_refund_is_follows_its_order_and_only_a_return_has_a_member_of_its_own():
    first, second = a_member(crm_id="1"), a_member(crm_id="2")
    send("orders", order())
    send("refunds", refund())
    give_back(a_return())

    Refund.objects.update(member=second)  # as a merge might try before the orders move
    assert list(Refund.objects.order_by("order").values_list("order__external_id", "member")) == [
        ("A1", first),
        (None, second),
    ]
    Order.objects.update(member=second)
    assert set(Refund.objects.values_list("member", flat=True)) == {second}
    Order.objects.update(member=None)
    assert Refund.objects.get(external_id="R1").member is None

    for law, sql in (
        ("append-only", "UPDATE cdp_refund SET amount = amount + 1"),
        ("append-only", "UPDATE cdp_refund SET order_id = NULL"),
        ("append-only", "DELETE FROM cdp_refund"),
        ("a_refund_gives_something_back", "INSERT INTO cdp_refund (order_id, source_id, external_id, refunded_at, amount, recorded_at) SELECT order_id, source_id, 'Q', now(), 0, now() FROM cdp_refund WHERE order_id IS NOT NULL"),
        ("a_refund_gives_something_back", "INSERT INTO cdp_refund (source_id, external_id, refunded_at, amount, recorded_at) SELECT source_id, 'Q', now(), -1, now() FROM cdp_refund LIMIT 1"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_a_return_tells_the_profile_only():
    give_back(a_return(), a_return("Y", member=""))

    assert list(FeedRow.objects.values_list("reader", "kind")) == [("profile", "refund")]
