"""A refund before its order waits, is applied with it, and rings when it waits too long or does not fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from cdp import parked
from cdp.ingest.accept import accept
from cdp.models import Order, Parked, Profile, Refund
from config.ground.models import Alarm, Brand
from tests.builders import a_member, absorbed, at
from tests.cdp.refunding import counts, order, refund, send, stored

pytestmark = pytest.mark.django_db


def test_a_refund_before_its_order_is_parked_and_applied_when_the_order_comes():
    member = a_member(crm_id="1")

    assert counts(send("refunds", refund(), refund(id="R2", amount=100))) == (2, 0, [])
    assert list(Parked.objects.order_by("external_id").values_list("kind", "external_id", "waits_for", "why")) == [
        ("refund", "R1", "A1", "no_parent"), ("refund", "R2", "A1", "no_parent"),
    ]  # fmt: skip
    assert counts(send("refunds", refund())) == (0, 1, [])
    assert counts(send("refunds", refund(amount=1))) == (0, 0, [(0, "id", "conflict")])

    assert counts(send("orders", order(id="A9"), order())) == (2, 0, [])

    assert (stored(), Parked.objects.count()) == ([("R1", "A1", 400), ("R2", "A1", 100)], 0)
    absorbed(now=at("2017-10-06"))
    assert Profile.objects.get(member=member).amount == 1500
    assert counts(send("refunds", refund())) == (0, 1, [])


def test_an_order_of_another_source_is_not_the_one_that_is_waited_for():
    send("refunds", refund())

    accept("orders", [order()], source="till", now=at("2017-10-06"))

    assert (Refund.objects.count(), Parked.objects.count()) == (0, 1)


def test_parked_refunds_above_their_order_are_applied_as_far_as_they_fit_and_the_rest_rings():
    later = refund(id="R0", amount=700, refunded_at="2017-10-05T11:00:00+08:00")
    send("refunds", later, refund())

    assert counts(send("orders", order())) == (1, 0, [])

    assert stored() == [("R1", "A1", 400)]
    assert Parked.objects.values_list("external_id", "why").get() == ("R0", "too_much")
    assert "R0" in Alarm.objects.get().text
    assert parked.ring_for_late(now=at("2018-10-06")) == 0


def test_who_waits_longer_than_the_brands_patience_rings_once_and_stays_listed():
    send("refunds", refund(), now="2017-10-06")
    assert parked.ring_for_late(now=at("2017-11-05") - timedelta(seconds=1)) == 0
    assert not Alarm.objects.exists()

    assert parked.ring_for_late(now=at("2017-11-05")) == 1
    assert parked.ring_for_late(now=at("2017-11-06")) == 0

    alarm = Alarm.objects.get()
    assert (alarm.subject, alarm.count) == ("parked:shop:refund", 1)
    assert "R1" in alarm.text
    send("orders", order())
    assert (Parked.objects.count(), Refund.objects.count()) == (0, 1)


@pytest.mark.parametrize("text", ["", "30 days", "P0D", "P30D "])
def test_a_patience_that_is_no_duration_is_refused_by_the_table_itself(text):
    with pytest.raises(IntegrityError, match="patience_is_a_duration"), transaction.atomic():
        Brand.objects.update(parked_for=text)


@pytest.mark.django_db(transaction=True)
def test_an_order_and_its_refund_at_the_same_moment_find_each_other():
    together = Barrier(2)

    def one(kind_and_row):
        try:
            together.wait(timeout=10)
            kind, rows = kind_and_row
            return send(kind, *rows).accepted
        finally:
            connection.close()

    for n in range(10):
        names = [f"{n}-{i}" for i in range(20)]
        orders = [order(id=name) for name in names]
        refunds = [refund(id=name, order_id=name) for name in names]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(one, [("orders", orders), ("refunds", refunds)])) == [20, 20]

    assert (Refund.objects.count(), Parked.objects.count()) == (200, 0)
    assert set(Order.objects.values_list("refunded", flat=True)) == {400}
