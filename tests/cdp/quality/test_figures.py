"""Each family over rows made by hand, to the last row."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cdp.errors import UnknownSource
from cdp.ingest import log
from cdp.models import Member
from cdp.quality import measure
from tests.builders import at
from tests.cdp.quality.conftest import shares

pytestmark = pytest.mark.django_db


def order(id, placed="2026-02-20T10:00:00+08:00", amount=1000, **other):
    return {"id": id, "placed_at": placed, "amount": amount, "currency": "CNY"} | other


def line(sku="tea", amount=1000, **other):
    return {"sku": sku, "quantity": 1, "amount": amount} | other


def event(id, type="browse", at="2026-03-01T09:00:00+08:00", **other):
    return {"id": id, "type": type, "identities": ["crm_id:1"], "occurred_at": at} | other


def refund(id, order, amount=100, at="2026-03-01T09:00:00+08:00"):
    return {"id": id, "order_id": order, "refunded_at": at, "amount": amount}


def test_rows_by_day_of_the_brand_and_kind(send, shop):
    send("orders", order("A1"), order("A2"), order("A3", amount=-1), now="2026-02-28 23:59")
    send("orders", order("A1"), order("A4"), now="2026-03-01 00:00")
    send("events", event("E1", at="2026-02-01T00:00:00+08:00"), now="2026-01-30 23:59")  # before the period

    found = shop(days=30)

    orders = next(v for v in found.volume if v.kind == "orders")
    assert (orders.calls, orders.rows, orders.accepted, orders.duplicates, orders.rejected) == (2, 5, 3, 1, 1)
    assert [(d.day.isoformat(), d.rows, d.accepted, d.duplicates, d.rejected) for d in orders.days if d.rows] == [
        ("2026-02-28", 3, 2, 0, 1), ("2026-03-01", 2, 1, 1, 0),
    ]  # fmt: skip
    assert [len(v.days) for v in found.volume] == [30, 30]
    assert next(v for v in found.volume if v.kind == "events").rows == 0
    assert (found.last_at, found.today.rows, found.today.usual) == (at("2026-03-01 00:00"), 1, None)
    assert shares(found.duplicates) == {"orders": (1, 5)}


def test_what_came_after_the_instant_is_not_known(send, shop):
    send("orders", order("A1"), now="2026-03-01 10:00")
    send("orders", order("A2"), now="2026-03-01 13:00")

    found = shop("2026-03-01 12:00")

    assert found.today.rows == 1
    assert shares(found.orphans)["orders_without_member"] == (1, 1)
    assert [lag.rows for lag in found.timeliness] == [1]


def test_completeness_is_over_new_rows_of_a_kind_and_over_the_events_of_a_type(send, shop):
    send(
        "orders", order("A1", channel="web", identities=["crm_id:1"]), order("A2", items=[line(category=["x"]), line()])
    )
    send("orders", order("A1", channel="web", identities=["crm_id:1"]), order("A3", channel="web"))
    send("members", {"identities": ["crm_id:1", "phone:13900000001"], "attributes": {"city": "上海"}},
         {"identities": ["crm_id:2"]})  # fmt: skip
    send("events", event("E1", properties={"sku": "a"}), event("E2"), event("E3", type="search"))

    complete = {one.kind: one for one in shop().completeness}

    orders = shares(complete["orders"].fields)
    assert complete["orders"].rows == 3
    assert {name: orders[name] for name in ("channel", "store", "items", "category", "identity:crm_id")} == {
        "channel": (2, 3), "store": (0, 3), "items": (1, 3), "category": (0, 3), "identity:crm_id": (1, 3),
    }  # fmt: skip
    members = shares(complete["members"].fields)
    assert (members["identity:phone"], members["attribute:city"], members["registered_at"]) == ((1, 2), (1, 2), (0, 2))
    assert shares(complete["events"].fields) == {"identity:crm_id": (3, 3), "property:browse:sku": (1, 2)}


def test_lag_is_from_when_it_happened_to_when_it_was_recorded(send, shop):
    lags = [7, 3600, 60, 0, 86_400, 120, 30, 5, 1, 90]
    for n, seconds in enumerate(lags):
        placed = at("2026-02-20 10:00") - timedelta(seconds=seconds)
        send("orders", order(f"A{n}", placed.isoformat()), now="2026-02-20 10:00")
    send("events", event("E1", at="2026-02-20T10:04:00+08:00"), now="2026-02-20 10:00")  # a phone whose clock is fast

    found = {lag.kind: lag for lag in shop().timeliness}

    ordered = sorted(lags)
    orders = found["orders"]
    assert (orders.rows, orders.p50, orders.p90, orders.p99, orders.max) == (
        10, ordered[4], ordered[8], ordered[9], ordered[9],
    )  # fmt: skip
    assert (found["events"].p50, found["events"].max) == (0, 0)


def test_history_is_late_on_purpose(send, shop):
    send("orders", order("A1", "2020-01-01T00:00:00+08:00"), history=True, now="2026-03-01 10:00")
    assert shop().timeliness == []
    assert shop().today.rows == 0

    send("orders", order("A2", "2026-03-01T10:59:00+08:00"), now="2026-03-01 11:00")

    assert [(lag.rows, lag.max) for lag in shop().timeliness] == [(1, 60)]
    [orders] = shop().volume
    assert [(d.accepted, d.history) for d in orders.days if d.rows] == [(2, 1)]


def test_rejected_rows_by_code_and_day_and_refused_calls(send, shop):
    send("orders", order("A1", amount=-1), order("A2"), order("A3", amount=-5), now="2026-02-27 10:00")
    send("orders", order("A4", colour="red"), now="2026-02-28 10:00")
    log.Call("api").refused("orders", "malformed_json", source="shop", now=at("2026-02-28 11:00"))

    [orders] = shop().validity

    assert (orders.rejected.numerator, orders.rejected.denominator, orders.rejected.share) == (3, 4, 0.75)
    assert shares(orders.codes) == {"out_of_range": (2, 4), "unknown_field": (1, 4)}
    assert [(d.day, d.code, d.rows) for d in orders.days] == [
        (date(2026, 2, 27), "out_of_range", 2), (date(2026, 2, 28), "unknown_field", 1),
    ]  # fmt: skip
    assert [(one.code, one.calls) for one in orders.refusals] == [("malformed_json", 1)]
    assert (shop().volume[0].calls, shop().volume[0].refused_calls) == (3, 1)


def test_orphans(send, shop):
    send("products", {"sku": "tea"}, {"sku": "cup"})
    send("orders",
         order("A1", identities=["crm_id:1"], items=[line("tea", 400), line("cup", 600)]),
         order("A2", items=[line("tea", 400), line("spoon", 400)]),
         order("A3", identities=["crm_id:1"]))  # fmt: skip
    send("refunds", refund("R1", "A1"), refund("R2", "B1"), refund("R3", "B2"))
    send("events", event("E1"))

    found = shop()

    assert shares(found.orphans) == {
        "orders_without_member": (1, 3),
        "events_without_member": (0, 1),
        "refunds_without_order": (2, 3),
        "lines_without_product": (1, 4),
        "orders_not_the_sum": (1, 2),
    }


def test_parked_rows_by_how_long_they_wait(send, shop):
    for n, now in enumerate(["2026-01-01 10:00", "2026-02-15 10:00", "2026-02-27 10:00", "2026-03-01 10:00"]):
        send("refunds", refund(f"R{n}", f"B{n}", at="2025-12-31T09:00:00+08:00"), now=now)

    [waiting] = shop().parked

    assert (waiting.kind, waiting.why, waiting.rows, waiting.late) == ("refund", "no_parent", 4, 0)
    assert (waiting.ages.day, waiting.ages.week, waiting.ages.month, waiting.ages.longer) == (1, 1, 1, 1)
    assert waiting.oldest_at == at("2026-01-01 10:00")


def test_identities_per_member_over_those_whom_the_period_names(send, shop):
    for n, identities in enumerate((["crm_id:1"], ["crm_id:2", "phone:13900000002"],
                                    ["crm_id:3", "phone:13900000003", "email:a@b.cn", "pos_card:3"])):  # fmt: skip
        send("orders", order(f"A{n}", identities=identities))
        send("events", event(f"E{n}", identities=identities[:1]))
    send("members", {"identities": ["crm_id:3"], "attributes": {"city": "上海", "name": ""}})
    send("members", {"identities": ["crm_id:4"]}, now="2025-12-01 10:00")
    send("members", {"identities": ["crm_id:5"]}, source="crm")

    members = shop().members

    assert (members.members, members.most) == (3, 4)
    assert shares(members.identities) == {"0": (0, 3), "1": (1, 3), "2": (1, 3), "3+": (1, 3)}
    assert shares(members.kinds) == {"crm_id": (3, 3), "phone": (2, 3), "email": (1, 3), "pos_card": (1, 3)}
    assert shares(members.attributes) == {"city": (1, 3)}


def test_a_member_of_whom_the_source_only_told_counts_in_the_days_it_told(send, shop):
    send(
        "members",
        {"identities": ["crm_id:1", "phone:13900000001"], "attributes": {"city": "上海"}},
        now="2026-02-10 10:00",
    )

    assert (shop(days=30).members.members, shares(shop(days=30).members.identities)["2"]) == (1, (1, 1))
    assert shop(days=7).members.members == 0


def test_a_phone_that_a_family_shares_and_one_that_is_everybodys(send, shop):
    for n in range(3):
        send("members", {"identities": [f"crm_id:a{n}", "phone:13900000001"]})
    for n in range(6):
        send("members", {"identities": [f"crm_id:b{n}", "phone:13900000002"]})

    [phones] = shop().members.shared

    assert (phones.kind, phones.identities, phones.most, phones.weak) == ("phone", 2, 4, 1)


def test_new_members_whom_nobody_can_name(send):
    send("members", {"identities": ["crm_id:1"]})
    Member.objects.create(created_at=at("2026-03-01 10:00"))
    Member.objects.create(created_at=at("2025-03-01 10:00"))

    newcomers = measure(as_of=at("2026-03-01 12:00")).newcomers

    assert (newcomers.members, shares(newcomers.identities)["0"]) == (2, (1, 2))


def test_sources_do_not_mix_and_our_own_events_are_no_source(send):
    send("orders", order("A1"), order("A2"), source="shop")
    send("orders", order("A1", amount=-1), source="till")

    found = measure(as_of=at("2026-03-01 12:00"))

    assert [(one.source, one.volume[0].rows, one.volume[0].rejected) for one in found.sources] == [
        ("shop", 2, 0), ("till", 1, 1),
    ]  # fmt: skip
    with pytest.raises(UnknownSource):
        measure(as_of=at("2026-03-01 12:00"), source="huitou")


def test_before_anything_came_there_is_nothing_and_no_error(db):
    found = measure(as_of=at("2026-03-01 12:00"))

    assert (found.sources, found.newcomers.members, found.first) == ([], 0, date(2026, 1, 31))


def test_every_figure_that_is_shown_has_its_meaning_in_both_languages(db):
    for definition in measure(as_of=at("2026-03-01 12:00")).definitions:
        assert definition.name.zh != definition.name.en
        assert definition.definition.zh != definition.definition.en


def test_figures_cost_the_same_statements_for_one_source_and_for_many(send, django_assert_num_queries):
    send("orders", order("A1"), source="s0")
    with django_assert_num_queries(14) as once:
        measure(as_of=at("2026-03-01 12:00"))
    for n in range(1, 6):
        send("orders", order("A1", identities=[f"crm_id:{n}"]), source=f"s{n}")
        send("events", event("E1"), source=f"s{n}")

    with django_assert_num_queries(len(once)):
        measure(as_of=at("2026-03-01 12:00"))
