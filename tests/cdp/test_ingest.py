"""Stored once, for ever, whoever sends it again; a batch is whole or partial as asked; history tells nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from msgspec import structs

from cdp import feed
from cdp.errors import BatchRejected
from cdp.ingest import batch
from cdp.ingest.accept import Own, accept, record
from cdp.ingest.batch import HISTORY
from cdp.ingest.rows import EventRow
from cdp.models import Consent, ConsentRecord, Event, FeedRow, Member, Order, OrderLine, Product, Seen
from config.ground.cause import Cause
from tests.builders import a_member, at

pytestmark = pytest.mark.django_db
WEIRD = 'hot, "热" {a\\b} NULL\n\t'


def order(**other):
    return {
        "id": "A1", "identities": ["crm_id:1"], "placed_at": "2017-10-01T10:00:00+08:00", "amount": 1999, "currency": "CNY",
        "items": [{"sku": "tea", "quantity": 2, "amount": 1500}, {"sku": "cup", "quantity": "0.5", "amount": 499}],
    } | other  # fmt: skip


def event(**other):
    return {
        "id": "E1", "type": "browse", "identities": ["crm_id:1"], "occurred_at": "2017-10-01T10:00:00+08:00",
    } | other  # fmt: skip


def send(kind, *rows, now=None, **how):
    return accept(kind, list(rows), source="shop", now=now or at("2017-10-02"), **how)


def counts(answer):
    return answer.accepted, answer.duplicates, [(r.index, r.path, r.code) for r in answer.rejected]


def test_an_order_is_stored_with_its_lines_in_order():
    answer = send(
        "orders",
        order(
            items=[
                {"sku": "tea", "quantity": 2, "amount": 1500, "category": ["drink", WEIRD], "discount": 100},
                {"sku": "fuel", "quantity": 89638, "amount": 499},
            ],
            coupon_codes=[WEIRD],
            points_used="12.5",
        ),
    )

    assert counts(answer) == (1, 0, [])
    stored = Order.objects.get()
    assert (stored.placed_at, stored.amount, stored.coupon_codes, str(stored.points_used)) == (
        at("2017-10-01 10:00"), 1999, [WEIRD], "12.50",
    )  # fmt: skip
    assert list(
        OrderLine.objects.order_by("position").values_list("sku", "quantity", "amount", "discount", "category")
    ) == [
        ("tea", 2, 1500, 100, ["drink", WEIRD]),
        ("fuel", 89638, 499, 0, []),
    ]


def test_the_same_again_is_a_duplicate_however_its_instant_is_written():
    row = order(items=[])

    assert counts(send("orders", row)) == (1, 0, [])
    assert counts(send("orders", row | {"placed_at": "2017-10-01T02:00:00Z"}, dict(reversed(row.items())))) == (
        0,
        2,
        [],
    )
    assert Order.objects.count() == 1


def test_other_content_under_the_same_id_is_a_conflict_and_changes_nothing():
    send("orders", order(items=[]))

    again = send("orders", order(items=[], amount=2000), order(id="A2", items=[]), order(id="A2", items=[], amount=5))

    assert counts(again) == (1, 0, [(0, "id", "conflict"), (2, "id", "conflict")])
    assert list(Order.objects.order_by("pk").values_list("external_id", "amount")) == [("A1", 1999), ("A2", 1999)]


def test_ids_of_different_sources_and_kinds_do_not_meet():
    send("orders", order(items=[]))
    accept("orders", [order(items=[], amount=1)], source="till", now=at("2017-10-02"))
    send("events", event(id="A1"))

    assert (Order.objects.count(), Event.objects.count(), Seen.objects.count()) == (2, 1, 3)


def test_good_rows_of_a_batch_are_stored_and_bad_ones_named():
    rows = [
        order(items=[]),
        order(id="A2", placed_at="2017-10-01T10:00:00"),
        order(id="A3", amount=-1),
        order(id="A4", colour="red"),
        order(id="A5", currency="USD"),
        order(id="A6", placed_at="2017-10-03T10:00:00+08:00"),
        order(id="A7", identities=["phone:12"]),
        order(id="A8", items=[{"sku": "x", "quantity": -1, "amount": 1}]),
        {"id": "A9"},
        "no row at all",
    ]

    assert counts(send("orders", *rows)) == (1, 0, [
        (1, "placed_at", "naive_time"), (2, "amount", "out_of_range"), (3, "colour", "unknown_field"), (4, "currency", "wrong_currency"),
        (5, "placed_at", "future"), (6, "identities[0]", "invalid_identity"), (7, "items[0].quantity", "negative"),
        (8, "placed_at", "required"), (9, "", "wrong_type"),
    ])  # fmt: skip
    assert Order.objects.count() == 1


def test_an_atomic_batch_with_a_bad_row_stores_nothing():
    with pytest.raises(BatchRejected) as caught, transaction.atomic():
        send("orders", order(), order(id="A2", amount=-1), atomic=True)

    assert [(r.index, r.path) for r in caught.value.rejected] == [(1, "amount")]
    assert (Order.objects.count(), Seen.objects.count(), Member.objects.count(), FeedRow.objects.count()) == (
        0,
        0,
        0,
        0,
    )


def test_an_atomic_batch_with_a_conflict_stores_nothing():
    send("orders", order())

    with pytest.raises(BatchRejected), transaction.atomic():
        send("orders", order(amount=5), order(id="A2"), atomic=True)

    assert Order.objects.count() == 1


def test_a_refusal_says_what_would_be_right():
    with translation.override("en"):
        [refused] = send("orders", order(placed_at="2017-10-01T10:00:00")).rejected
    assert refused.message == "an instant needs its offset, like 2026-03-01T10:00:00+08:00"


def test_a_message_on_an_identity_does_not_repeat_it():
    [refused] = send("orders", order(identities=["phone:139secret"])).rejected

    assert "secret" not in refused.message


def test_an_order_of_nobody_is_kept_and_told_to_nobody():
    assert counts(send("orders", order(identities=[]))) == (1, 0, [])

    assert Order.objects.get().member is None
    assert not FeedRow.objects.exists()


def test_a_fact_is_told_to_the_profile_once_and_history_under_a_name_of_its_own():
    send("orders", order(), order(id="A2"))
    assert list(FeedRow.objects.order_by("pk").values_list("reader", "kind", "ref")) == [
        ("profile", "order", pk) for pk in Order.objects.order_by("pk").values_list("pk", flat=True)
    ]
    FeedRow.objects.all().delete()

    send("orders", order(id="A3"), order(id="A4"), history=True)
    send("events", event(), history=True)

    member = Member.objects.get().pk
    assert list(FeedRow.objects.values_list("reader", "kind", "member")) == [("profile", HISTORY, member)] * 2


def test_history_is_never_heard_by_those_who_listen():
    feed.listen("loyalty", ["order", "browse", HISTORY, "member"])

    send("orders", order(), history=True)
    send("events", event(), history=True)
    feed.drain(feed.PROFILE, limit=10, now=at("2017-10-02"))

    assert not FeedRow.objects.filter(reader="loyalty").exists()


def test_an_event_finds_its_month_even_when_nobody_made_it():
    months = [
        f"{year}-{month}-{day}T00:00:00+00:00"
        for year, month, day in (("1999", "12", "31"), ("2000", "02", "29"), ("2017", "10", "01"))
    ]

    answer = send("events", *[event(id=str(n), occurred_at=text) for n, text in enumerate(months)])

    assert answer.accepted == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM cdp_event ORDER BY occurred_at")
        assert [row[0] for row in cursor.fetchall()] == ["cdp_event_1999_12", "cdp_event_2000_02", "cdp_event_2017_10"]


def test_an_event_on_the_edge_of_a_month_lies_in_the_month_of_utc():
    send(
        "events",
        event(occurred_at="2017-10-01T07:59:59+08:00"),
        event(id="E2", occurred_at="2017-10-01T08:00:00+08:00"),
    )

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM cdp_event ORDER BY occurred_at")
        assert [row[0] for row in cursor.fetchall()] == ["cdp_event_2017_09", "cdp_event_2017_10"]


def test_a_member_row_adds_and_later_ones_speak_over_earlier_ones():
    send("members", {"identities": ["crm_id:1"], "attributes": {"name": "张三", "city": "上海"}},
         {"identities": ["crm_id:1"], "attributes": {"city": "北京"}, "registered_at": "2017-01-01T00:00:00+08:00"})  # fmt: skip

    member = Member.objects.get()
    assert member.attributes == {"name": "张三", "city": "北京"}
    assert member.registered_at == at("2017-01-01")


def test_a_member_row_that_says_nothing_new_is_a_duplicate():
    row = {
        "identities": ["crm_id:1"], "attributes": {"name": "张三"}, "registered_at": "2017-01-01T00:00:00+08:00",
        "consents": [{"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2017-01-01T00:00:00+08:00"}],
    }  # fmt: skip
    assert counts(send("members", row)) == (1, 0, [])

    assert counts(send("members", row)) == (0, 1, [])
    assert ConsentRecord.objects.count() == 1


def test_a_consent_alone_or_an_identity_alone_is_news():
    send("members", {"identities": ["crm_id:1"]})
    said = {"channel": "sms", "purpose": "marketing", "state": "withdrawn", "at": "2017-10-01T00:00:00+08:00"}

    assert counts(send("members", {"identities": ["crm_id:1"], "consents": [said]})) == (1, 0, [])
    assert counts(send("members", {"identities": ["crm_id:1", "phone:13900000001"]})) == (1, 0, [])

    assert Consent.objects.get().state == "withdrawn"
    assert Member.objects.get().identities.count() == 2


def test_products_are_kept_current():
    tea = {"sku": "tea", "name": "绿茶", "brand": "own", "category": ["drink", "tea"]}
    assert counts(send("products", tea, {"sku": "cup"})) == (2, 0, [])

    assert counts(send("products", tea, {"sku": "cup", "name": "杯"})) == (1, 1, [])

    assert list(Product.objects.order_by("sku").values_list("sku", "name", "category")) == [
        ("cup", "杯", []),
        ("tea", "绿茶", ["drink", "tea"]),
    ]


def test_our_own_event_is_recorded_once_per_cause_and_heard():
    member = a_member()
    feed.listen("automation", ["message.sent"])
    own = Own("message.sent", member, Cause("journey:a@1", "1/hello/1"), at("2017-10-01"), {"channel": "sms"})

    assert record([own, own], now=at("2017-10-01")) == 1
    assert record([own], now=at("2017-10-02")) == 0

    assert Event.objects.get(type="message.sent").external_id == str(own.cause.id)
    assert FeedRow.objects.filter(reader="automation", kind="message.sent").count() == 1


def test_an_order_below_zero_is_refused_by_the_table_itself():
    send("orders", order())

    with pytest.raises(IntegrityError, match="an_order_is_never_negative"), transaction.atomic():
        Order.objects.update(amount=-1)


@pytest.mark.django_db(transaction=True)
def test_two_senders_of_the_same_batch_store_it_once():
    rows = [order(id=str(n), identities=[f"crm_id:{n % 7 + 1}"]) for n in range(50)]
    together = Barrier(2)

    def one(batch):
        try:
            together.wait(timeout=10)
            return accept("orders", batch, source="shop", now=at("2017-10-02"))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(one, [rows, rows[::-1]]))

    assert sum(a.accepted for a in answers) == 50
    assert sum(a.duplicates for a in answers) == 50
    assert (Order.objects.count(), Member.objects.count(), FeedRow.objects.count()) == (50, 7, 50)


def test_a_consent_of_the_future_is_refused():
    """It would stand against every withdrawal until then."""
    said = {"channel": "sms", "purpose": "marketing", "state": "granted", "at": "2999-01-01T00:00:00Z"}

    answer = send("members", {"identities": ["crm_id:1"], "consents": [said]})

    assert counts(answer) == (0, 0, [(0, "consents[0].at", "future")])


@pytest.mark.parametrize("type", ["order", "refund", "member", "history", "message.sent", "stage.entered"])
def test_a_partners_event_takes_no_name_of_ours(type):
    """Readers would take its number for an order's, or its words for ours."""
    assert counts(send("events", event(type=type))) == (0, 0, [(0, "type", "reserved")])
    assert not FeedRow.objects.exists()


def test_what_a_row_said_is_remembered_by_the_same_marks_for_ever():
    at = datetime(2026, 1, 1, 3, 4, 5, 678, timezone(timedelta(hours=8)))
    row = EventRow("e1", "browse", at, ["crm_id:1"], {"b": 1, "a": "王"})

    assert batch.marks(row).hex() == "3f43850be2aa25afd1a1c1ab327d4ab6ad464e52f60d9f707d5f5d21"
    assert batch.marks(structs.replace(row, occurred_at=at.astimezone(UTC))) == batch.marks(row)
