"""What `did` asks of rows: orders as a whole and by their lines, refunds, events by any property, messages by how far they came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils import translation

from cdp.conditions import historical, matching, parse, sentence, validate
from cdp.models import EventType, Member, Product
from connectors.models import Message, Template
from tests.builders import a_member, a_refund, an_event, an_order

NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)  # noon in Shanghai
TEA = {"sku": "tea", "name": "龙井", "category": ["食品", "茶"], "quantity": 2, "amount": 700}
CUP = {"sku": "cup", "name": "杯子", "category": ["器皿"], "quantity": 1, "amount": 300, "discount": 50}
OF_TEA = {"field": "category", "op": "has", "value": "茶"}


@pytest.fixture
def member(db):
    return a_member()


def ago(**length):
    return NOW - timedelta(**length)


def did(member, what="order", *, as_of=NOW, **more) -> bool:
    """Whether the member did so; more than the one in the table would be a mistake of the test."""
    return list(matching({"did": what} | more, as_of=as_of).values_list("pk", flat=True)) == [member]


def times(member, n, **more) -> bool:
    return did(member, count={"op": "=", "value": n}, **more)


def in_all(member, of, total, **more) -> bool:
    return did(member, sum={"of": of, "op": "=", "value": total}, **more)


def test_an_order_counts_once_however_many_of_its_lines_fulfil(member):
    an_order(member, ago(days=2), 1400, items=[TEA, TEA | {"sku": "tea2"}])
    an_order(member, ago(days=1), 300, items=[CUP])

    assert times(member, 1, where=OF_TEA)
    assert times(member, 2, where={"any": [OF_TEA, {"field": "sku", "op": "=", "value": "cup"}]})
    assert times(member, 2)


def test_the_lines_that_fulfil_are_summed_and_not_their_orders(member):
    an_order(member, ago(days=2), 1000, items=[TEA, CUP])

    assert in_all(member, "amount", 700, where=OF_TEA)
    assert in_all(member, "quantity", 2, where=OF_TEA)
    assert in_all(member, "discount", 50)
    assert in_all(member, "amount", 1000)


def test_all_that_is_asked_is_asked_of_one_line(member):
    an_order(member, ago(days=2), 1000, channel="app", items=[TEA, CUP])

    cheap = {"field": "line_amount", "op": "<", "value": 500}

    assert not did(member, where={"all": [OF_TEA, cheap]})
    assert did(member, where={"all": [{"not": OF_TEA}, cheap]})
    assert did(member, where={"all": [OF_TEA, {"field": "channel", "op": "=", "value": "app"}]})


def test_an_order_without_lines_has_none_that_fulfils_but_is_asked_as_a_whole(member):
    an_order(member, ago(days=2), 1000, store="s1")

    assert not did(member, where={"not": OF_TEA})
    assert not did(member, where={"field": "sku", "op": "is_not_set"})
    assert in_all(member, "amount", 1000, where={"field": "store", "op": "=", "value": "s1"})


def test_lines_of_an_order_refunded_in_full_add_nothing_and_it_does_not_count(member):
    order = an_order(member, ago(days=9), 1000, items=[TEA, CUP])
    a_refund(order, ago(days=3), 400)
    assert in_all(member, "amount", 700, where=OF_TEA)

    a_refund(order, ago(days=1), 600)

    assert in_all(member, "amount", 0, where=OF_TEA)
    assert times(member, 0, where=OF_TEA)
    assert times(member, 1, where=OF_TEA, as_of=ago(days=2))
    assert did(member, "refund", where={"field": "amount", "op": "=", "value": 600})


def test_the_products_of_lines_are_known_by_their_sku(member):
    Product.objects.create(sku="tea", name="龙井", brand="回头", launched_at=ago(days=20))
    an_order(member, ago(days=2), 1000, items=[TEA, CUP])

    new = {"field": "launched_at", "op": "within_last", "value": "P30D"}

    assert in_all(member, "amount", 700, where=new)
    assert in_all(member, "amount", 700, where={"field": "brand", "op": "=", "value": "回头"})
    assert in_all(member, "amount", 300, where={"field": "brand", "op": "is_not_set"})


def test_the_hour_and_the_weekday_of_an_order_are_the_brands(member):
    an_order(member, datetime(2017, 9, 30, 16, 30, tzinfo=UTC), 1000)  # Sunday, half past midnight in Shanghai

    assert did(member, where={"field": "hour", "op": "=", "value": 0})
    assert did(member, where={"field": "weekday", "op": "=", "value": 7})


def test_a_property_of_an_event_is_of_the_type_that_it_is_compared_with(member):
    an_event(member, "browse", ago(hours=2), sku="tea", seconds=90, first=True, seen=["茶", "杯子"])
    an_event(member, "browse", ago(hours=1), sku="7", seconds="90", first="yes", seen="茶")

    assert times(member, 1, what="browse", where={"field": "seconds", "op": ">=", "value": 90})
    assert times(member, 1, what="browse", where={"field": "sku", "op": "=", "value": "7"})
    assert times(member, 0, what="browse", where={"field": "sku", "op": "=", "value": 7})
    assert times(member, 1, what="browse", where={"field": "first", "op": "is", "value": True})
    assert times(member, 1, what="browse", where={"field": "seen", "op": "has", "value": "茶"})
    assert times(member, 2, what="browse", where={"field": "sku", "op": "is_set"})
    assert in_all(member, "seconds", 90, what="browse")
    assert in_all(member, "seconds", 0, what="browse", within="PT90M")


def a_message(member, n, *, state="sent", delivery="none", origin="journey:win-back@3", sent=NOW - timedelta(days=1)):
    template, _made = Template.objects.get_or_create(key="hello", channel="sms", name="hello")
    return Message.objects.create(
        id=UUID(int=n), member_id=member, origin=origin, cause_key=f"{n}/hello/1", channels=["sms"], channel="sms",
        purpose="marketing", template=template, state=state, delivery=delivery, reason="" if state == "sent" else "no_consent",
        ready_at=sent, created_at=sent, sent_at=sent if state == "sent" else None,
    )  # fmt: skip


def received(member, **asked) -> bool:
    return list(matching({"received": asked}, as_of=NOW).values_list("pk", flat=True)) == [member]


def test_a_message_is_received_when_it_was_sent_and_as_far_as_it_came(member):
    a_message(member, 1, delivery="clicked")
    a_message(a_member(), 2, state="suppressed")

    assert received(member)
    assert received(member, journey="win-back", step="hello", channel="sms", status="clicked", within="P2D")
    assert received(member, status="delivered")
    assert not received(member, status="replied")
    assert not received(member, step="again")
    assert not received(member, within="PT12H")
    assert not received(member, status="suppressed")


def test_a_message_of_no_journey_has_no_journey_and_no_step(member):
    a_message(member, 1, origin="api:partner-7")

    assert received(member)
    assert not received(member, step="hello")


def test_a_condition_of_an_event_reads_its_properties(member):
    raw = {"all": [{"event": "sku", "op": "=", "value": "tea"}, {"event": "price", "op": "<", "value": 9.5}]}

    assert matching(raw, as_of=NOW, event={"sku": "tea", "price": 9.49}).count() == 1
    assert matching(raw, as_of=NOW, event={"sku": "tea", "price": "9"}).count() == 0
    assert [fault.code for fault in validate(raw)] == ["no_event", "no_event"]
    with pytest.raises(ValueError, match="there is none"):
        matching(parse(raw, event=True), as_of=NOW)


def test_a_whole_numbers_column_is_not_cut_when_it_is_compared_with_a_decimal(member):
    an_order(member, ago(days=2), 1000)

    Member.objects.update(attributes={"children": 1})

    children = {"field": "children", "op": "=", "value": 1.5}

    assert matching(children, as_of=NOW).count() == 0
    assert matching(children | {"op": "<"}, as_of=NOW).count() == 1
    assert did(member, where={"field": "hour", "op": "between", "value": [11.5, 12.5]})


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ({"did": "order", "within": "P30D", "where": OF_TEA}, True),
        ({"field": "recency", "op": ">", "value": 3}, True),
        ({"field": "stage", "op": "=", "value": "new"}, False),
        ({"all": [{"did": "order"}, {"not": {"tag": "identity:vip"}}]}, False),
        ({"consent": {"channel": "sms", "purpose": "marketing"}}, False),
        ({"received": {}}, False),
    ],
)
def test_what_can_be_asked_of_the_past(db, raw, answer):
    assert historical(parse(raw)) is answer


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        ({"did": "order", "where": {"field": "colour", "op": "=", "value": "red"}}, "where.field", "unknown_field"),
        ({"did": "order", "where": {"field": "sku", "op": ">", "value": "a"}}, "where.op", "unknown_operator"),
        ({"did": "order", "where": {"all": []}}, "where.all", "empty_group"),
        ({"did": "order", "where": {"tag": "identity:vip"}}, "where", "unknown_condition"),
        ({"did": "order", "where": OF_TEA, "sum": {"of": "points_used", "op": ">", "value": 1}}, "sum.of", "unknown_value"),
        ({"did": "order", "from": "2017-10-01T00:00:00Z", "to": "2017-10-01T00:00:00Z"}, "to", "out_of_range"),
        ({"did": "browse", "where": {"field": "at", "op": "before", "value": "2017-02-30"}}, "where.value", "invalid_date"),
        ({"did": "browse", "sum": {"of": "", "op": ">", "value": 1}}, "sum.of", "wrong_type"),
        ({"received": {"status": "opened"}}, "received.status", "unknown_value"),
        ({"received": {"sender": "x"}}, "received.sender", "unknown_key"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_rows_is_refused_with_its_path(db, raw, path, code):
    assert [(fault.path, fault.code) for fault in validate(raw)] == [(path, code)]


def test_a_where_counts_as_depth_and_predicates(db):
    leaf = {"field": "sku", "op": "=", "value": "tea"}
    deep = leaf
    for _n in range(11):
        deep = {"not": deep}

    assert [fault.code for fault in validate({"did": "order", "where": deep})] == ["too_deep"]
    assert validate({"did": "order", "where": {"any": [leaf] * 199}}) == []
    assert [fault.code for fault in validate({"did": "order", "where": {"any": [leaf] * 200}})] == ["too_many"]


@pytest.mark.parametrize(
    ("raw", "zh", "en"),
    [
        (
            {"did": "order", "within": "P30D", "where": OF_TEA, "sum": {"of": "amount", "op": ">=", "value": 5000}},
            "30 天内有订单（品类包含茶），金额不小于 ¥50.00",
            "has an order with (category contains 茶) within the last 30 days, amounting to at least ¥50.00",
        ),
        (
            {"did": "browse", "count": {"op": ">=", "value": 3}, "where": {"field": "seconds", "op": ">", "value": 60}},
            "有浏览（seconds大于60），次数不小于 3",
            "has 浏览 with (seconds above 60), at least 3 times",
        ),
        (
            {"received": {"journey": "win-back", "status": "clicked", "within": "P3D"}},
            "3 天内有触达消息（状态包含已点击，且旅程为win-back）",
            "has a message with (status contains clicked and journey is win-back) within the last 3 days",
        ),
        (
            {"event": "price", "op": "<", "value": 9.5},
            "触发事件的 price 小于9.5",
            "price of the event below 9.5",
        ),
    ],
)
def test_rows_are_said_in_both_languages(db, raw, zh, en):
    """A type of event is called what the brand calls it."""
    EventType.objects.update_or_create(code="browse", defaults={"label": "浏览"})

    with translation.override("zh-hans"):
        assert sentence(raw) == zh
    with translation.override("en"):
        assert sentence(raw) == en


def test_decimals_of_events_are_summed_exactly(member):
    for n in range(3):
        an_event(member, "browse", ago(hours=n + 1), price=0.1)

    assert in_all(member, "price", float(Decimal("0.3")), what="browse")
