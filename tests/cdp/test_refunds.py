"""Refunds: never above their order whatever the order of arrival, and everything that counts orders counts them net."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from cdp import conditions, feed, placement, profiles
from cdp.errors import BatchRejected
from cdp.features.purchase import PURCHASE
from cdp.models import FeedRow, Order, PopulationRun, Profile, Refund, RefundLine, Seen
from config.ground import clock
from tests.builders import a_member, absorbed, at
from tests.cdp.refunding import counts, order, refund, send, stored

pytestmark = pytest.mark.django_db


def purchases(member, when):
    """(orders, purchase days, net amount, stage) as of an instant, from nothing."""
    Profile.objects.all().delete()
    PopulationRun.objects.all().delete()
    profiles.refresh([member], as_of=at(when))
    placement.place([member], as_of=at(when), quiet=None)
    return Profile.objects.values_list("orders", "purchase_days", "amount", "stage").get(member=member)


def test_a_refund_is_stored_with_its_lines_and_adds_up_on_its_order():
    send("orders", order())

    items = [{"sku": "tea", "quantity": "0.5", "amount": 300}, {"sku": "cup", "quantity": 1, "amount": 100}]
    assert counts(send("refunds", refund(items=items), refund(id="R2", amount=600))) == (2, 0, [])

    assert stored() == [("R1", "A1", 400), ("R2", "A1", 600)]
    assert list(RefundLine.objects.order_by("position").values_list("sku", "amount")) == [("tea", 300), ("cup", 100)]
    assert Order.objects.get().refunded == 1000


def test_a_refund_above_the_rest_is_rejected_with_what_is_left_and_nothing_moves():
    send("orders", order())
    send("refunds", refund())

    with translation.override("en"):
        answer = send("refunds", refund(id="R2", amount=601), refund(id="R2", amount=601))

    assert counts(answer) == (0, 0, [(0, "amount", "too_much"), (1, "amount", "too_much")])
    assert answer.rejected[0].message == "above what is left of the order: 600 can still be refunded"
    assert (Order.objects.get().refunded, stored()) == (400, [("R1", "A1", 400)])
    assert not FeedRow.objects.exclude(kind="order").exclude(ref=Refund.objects.get().pk).exists()
    # it was not stored, so the same number may come again with what is right
    assert counts(send("refunds", refund(id="R2", amount=600))) == (1, 0, [])


def test_of_one_batch_the_first_that_fit_are_taken():
    send("orders", order(), order(id="A2"))

    answer = send("refunds", refund(amount=700), refund(id="R2", amount=301), refund(id="R3", amount=300),
                  refund(id="R4", order_id="A2", amount=1000))  # fmt: skip

    assert counts(answer) == (3, 0, [(1, "amount", "too_much")])
    assert stored() == [("R1", "A1", 700), ("R3", "A1", 300), ("R4", "A2", 1000)]


def test_an_atomic_batch_with_one_too_much_stores_none():
    send("orders", order())

    with pytest.raises(BatchRejected), transaction.atomic():
        send("refunds", refund(), refund(id="R2", amount=601), atomic=True)

    assert (Refund.objects.count(), Order.objects.get().refunded, Seen.objects.filter(kind="refund").count()) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        ({"amount": 0}, "amount", "out_of_range"),
        ({"refunded_at": "2017-10-05T10:00:00"}, "refunded_at", "naive_time"),
        ({"refunded_at": "2017-10-07T10:00:00+08:00"}, "refunded_at", "future"),
        ({"items": [{"sku": "tea", "quantity": -1, "amount": 1}]}, "items[0].quantity", "negative"),
        ({"order_id": ""}, "order_id", "wrong_length"),
        ({"currency": "CNY"}, "currency", "unknown_field"),
    ],
)
def test_a_bad_refund_is_named_by_its_field(wrong, path, code):
    send("orders", order())

    assert counts(send("refunds", refund(**wrong))) == (0, 0, [(0, path, code)])
    assert Refund.objects.count() == 0


def test_a_retry_is_a_duplicate_and_a_conflict_says_what_differs():
    send("orders", order())
    send("refunds", refund())

    with translation.override("en"):
        again = send("refunds", refund(refunded_at="2017-10-05T02:00:00Z"), refund(amount=500, order_id="A2"))

    assert counts(again) == (0, 1, [(1, "id", "conflict")])
    assert again.rejected[0].message == ("this id was stored before with other content; what differs: order_id, amount")
    assert stored() == [("R1", "A1", 400)]


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ({"amount": 5, "store": "b"}, "amount, store"),
        ({"identities": ["crm_id:2"]}, "identities"),
        ({"placed_at": "2017-10-01T11:00:00+08:00"}, "placed_at"),
    ],
)
def test_a_conflicting_order_says_what_differs(other, fields):
    send("orders", order())

    with translation.override("en"):
        [rejected] = send("orders", order(**other)).rejected

    assert rejected.message.endswith(f"what differs: {fields}")


def test_a_partial_refund_reduces_the_amounts_from_its_instant_and_not_before():
    member = a_member(crm_id="1")
    send("orders", order())
    send("refunds", refund())

    assert purchases(member, "2017-10-05 09:59") == (1, 1, 1000, "first_purchase")
    assert purchases(member, "2017-10-05 10:00") == (1, 1, 600, "first_purchase")


def test_an_order_refunded_in_full_is_no_purchase_from_its_last_refund_on():
    member = a_member(crm_id="1")
    send("orders", order(), order(id="A0", placed_at="2017-09-01T10:00:00+08:00", amount=200))
    send("refunds", refund(), refund(id="R2", amount=600, refunded_at="2017-10-05T12:00:00+08:00"))

    assert purchases(member, "2017-10-05 09:59") == (2, 2, 1200, "active")
    assert purchases(member, "2017-10-05 11:59") == (2, 2, 800, "active")
    assert purchases(member, "2017-10-05 12:00") == (1, 1, 200, "first_purchase")
    assert Profile.objects.values_list("last_order_at", "interval_sum", "amount_365").get() == (
        at("2017-09-01 10:00"),
        0,
        200,
    )


def test_a_refund_reaches_the_profile_and_the_stage_by_the_feed_and_those_who_listen():
    member = a_member(crm_id="1")
    send("orders", order(), now="2017-10-02")
    absorbed(now=at("2017-10-02"))
    feed.listen("loyalty", ["refund"])

    send("refunds", refund(amount=1000))
    feed.drain(feed.PROFILE, limit=10, now=at("2017-10-06"))

    assert Profile.objects.values_list("orders", "amount", "stage").get(member=member) == (0, 0, "new")
    told = FeedRow.objects.get(reader="loyalty")
    assert (told.kind, told.ref, told.member_id, told.at) == (
        "refund",
        Refund.objects.get().pk,
        member,
        at("2017-10-05 10:00"),
    )


def test_history_of_refunds_is_heard_by_nobody():
    a_member(crm_id="1")
    feed.listen("loyalty", ["refund"])
    send("orders", order(), history=True)
    send("refunds", refund(), history=True)

    absorbed(now=at("2017-10-06"))

    assert (Profile.objects.get().amount, FeedRow.objects.count()) == (600, 0)


def test_a_refund_of_an_order_of_nobody_is_kept_and_told_to_nobody():
    send("orders", order(identities=[]))

    assert counts(send("refunds", refund())) == (1, 0, [])

    assert not FeedRow.objects.exists()


def test_conditions_ask_for_refunds_and_count_orders_net():
    member, other = a_member(crm_id="1"), a_member()
    send("orders", order(), order(id="A0", placed_at="2017-09-01T10:00:00+08:00", amount=200))
    send("refunds", refund(amount=1000), refund(id="R2", order_id="A0", amount=50))

    def who(tree, when):
        return sorted(conditions.matching(tree, as_of=at(when)).values_list("pk", flat=True))

    def total(n):
        return {"did": "order", "sum": {"of": "amount", "op": "=", "value": n}}

    two = {"did": "order", "count": {"op": "=", "value": 2}}
    recent = {"did": "order", "within": "P7D"}
    assert (who(two, "2017-10-05 09:59"), who(two, "2017-10-05 10:00")) == ([member], [])
    assert (who(recent, "2017-10-05 09:59"), who(recent, "2017-10-05 10:00")) == ([member], [])
    assert (who(total(1200), "2017-10-05 09:59"), who(total(150), "2017-10-05 10:00")) == ([member], [member])
    assert (who({"did": "refund"}, "2017-10-05 09:59"), who({"did": "refund"}, "2017-10-05 10:00")) == ([], [member])
    many = {"did": "refund", "count": {"op": ">=", "value": 2}, "sum": {"of": "amount", "op": "=", "value": 1050}}
    assert who(many, "2017-10-06") == [member]
    assert who({"did": "refund", "count": {"op": "=", "value": 0}}, "2017-10-06") == [other]
    with translation.override("en"):
        assert conditions.sentence({"did": "refund", "within": "P30D"}) == "has a refund within the last 30 days"


def test_the_table_itself_refuses_what_is_above_the_order_and_any_change():
    send("orders", order())
    send("refunds", refund())
    whole = {"order": Order.objects.get(), "source": Order.objects.get().source, "refunded_at": at("2017-10-05"),
             "recorded_at": at("2017-10-05")}  # fmt: skip

    with pytest.raises(IntegrityError, match="refunds_never_exceed_the_order"), transaction.atomic():
        Refund.objects.create(external_id="R2", amount=601, **whole)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Refund.objects.update(amount=1)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Refund.objects.all().delete()
    assert (Order.objects.get().refunded, stored()) == (400, [("R1", "A1", 400)])


@pytest.mark.django_db(transaction=True)
def test_parallel_refunds_never_exceed_their_order_by_the_verb_or_past_it():
    send("orders", order())
    whole = {"order": Order.objects.get(), "source": Order.objects.get().source, "refunded_at": at("2017-10-05"),
             "recorded_at": at("2017-10-05")}  # fmt: skip
    together = Barrier(8)

    def one(n):
        try:
            together.wait(timeout=10)
            if n % 2:
                return send("refunds", refund(id=f"V{n}", amount=300)).accepted
            Refund.objects.create(external_id=f"D{n}", amount=300, **whole)
            return 1
        except IntegrityError as error:
            assert "refunds_never_exceed_the_order" in str(error)
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(one, range(8)))

    assert (taken, Refund.objects.count(), Order.objects.get().refunded) == (3, 3, 900)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("members", [None, "one"])
def test_without_refunds_the_profile_pass_reads_an_index_alone(members):
    call_command("generate", "--members", "600", "--orders-per-member", "9", "--seed", "7", verbosity=0)
    member = Order.objects.order_by("pk").values_list("member", flat=True)[0]
    with connection.cursor() as cursor:  # what earlier tests left says nothing of tables in use
        cursor.execute("VACUUM ANALYZE cdp_member, cdp_order, cdp_refund, cdp_consent, cdp_membertag")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        asked = {"members": members and [member], "as_of": clock.now(), "tz": "Asia/Shanghai", "base": 90, "k": 3}
        cursor.execute("EXPLAIN " + PURCHASE, asked)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "Index Only Scan using order_purchases_by_member" in plan
