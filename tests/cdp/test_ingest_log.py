"""Every row that comes in is counted once, as what became of it: the log adds up, and agrees with the facts."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.ingest import items, log
from cdp.ingest.accept import accept
from cdp.ingest.files import importing, mapping
from cdp.models import Event, IngestBody, IngestCall, Order, Product, Refund, Source
from config.ground import sweep
from tests.builders import at

pytestmark = pytest.mark.django_db
NOW = "2026-06-01 10:00"


def send(kind, *rows, call=None, **how):
    return accept(kind, list(rows), source="shop", call=call or log.Call("api", "api:shop"), now=at(NOW), **how)


def order(id="A1", **other):
    return {"id": id, "placed_at": "2026-05-01T10:00:00+08:00", "amount": 1000, "currency": "CNY"} | other


def event(id="E1", **other):
    return {"id": id, "type": "browse", "identities": ["crm_id:1"], "occurred_at": "2026-05-01T10:00:00+08:00"} | other


def counts(call):
    return call.rows, call.accepted, call.duplicates, call.rejected


def test_a_call_is_counted_with_its_rejected_rows_and_without_what_they_say():
    send("orders", order("A1"))

    send("orders", order("A1"), order("A2", amount=-1), order("A3"), order("A1", amount=5),
         order("A4", identities=["phone:139secret"]))  # fmt: skip

    call = IngestCall.objects.order_by("pk").last()
    assert counts(call) == (5, 1, 1, 3)
    assert (call.source.code, call.kind, call.door, call.state, call.actor, call.at) == (
        "shop", "orders", "api", "taken", "api:shop", at(NOW),
    )  # fmt: skip
    assert call.reasons == {"out_of_range": 1, "conflict": 1, "invalid_identity": 1}
    assert call.rejections == [
        {"index": 1, "path": "amount", "code": "out_of_range"},
        {"index": 3, "path": "id", "code": "conflict"},
        {"index": 4, "path": "identities[0]", "code": "invalid_identity"},
    ]


def test_of_a_rejected_row_no_name_is_kept_that_a_partner_made_up():
    """It may be a person's number or name. Where in a row of ours it stood, is."""
    line = {"sku": "tea", "quantity": 1, "amount": 1000}

    send("orders", order("A1", **{"+8613900000001": 1}), order("A2", items=[line, line | {"张三": 1}]),
         order("A3", items=[line | {"amount": -1}]), order("A4", **{"amount.张三": 1}),
         order("A5", **{"items[13900000001]": 1}))  # fmt: skip
    send("members", {"identities": ["crm_id:1"], "attributes": {"13900000001": "\0"}},
         {"identities": ["crm_id:1"], "attributes": {"birthday": "soon"}})  # fmt: skip

    orders, members = IngestCall.objects.order_by("pk")
    assert [(row["path"], row["code"]) for row in orders.rejections] == [
        ("", "unknown_field"), ("items[1]", "unknown_field"), ("items[0].amount", "out_of_range"), ("amount", "unknown_field"),
        ("", "unknown_field"),
    ]  # fmt: skip
    assert [(row["path"], row["code"]) for row in members.rejections] == [
        ("attributes", "nul"), ("attributes.birthday", "invalid_date"),
    ]  # fmt: skip


def test_the_first_hundred_rejected_rows_are_named_and_all_are_counted():
    send("orders", *(order(f"A{n}", amount=-1) for n in range(150)))

    call = IngestCall.objects.get()
    assert counts(call) == (150, 0, 0, 150)
    assert [row["index"] for row in call.rejections] == list(range(100))


def test_what_new_rows_say_is_counted_by_field():
    send("orders", order("old", channel="web"))

    send("orders",
         order("old", channel="web"),
         order("A2", identities=["crm_id:1", "phone:13900000001"], channel="store", store="S1", points_used="0"),
         order("A3", identities=["crm_id:1"], items=[{"sku": "a", "quantity": 1, "amount": 1, "category": ["x"]}]),
         order("A4", items=[{"sku": "a", "quantity": 1, "amount": 1, "category": ["x"]}, {"sku": "b", "quantity": 1, "amount": 1}]))  # fmt: skip

    call = IngestCall.objects.order_by("pk").last()
    assert call.said_of == 3
    assert call.said == {
        "category": 1, "channel": 1, "identity:crm_id": 2, "identity:phone": 1, "items": 2, "store": 1,
    }  # fmt: skip


def test_members_and_events_are_counted_by_attribute_and_by_property_of_their_type():
    send("members", {"identities": ["crm_id:1"], "attributes": {"colour": "red", "shape": "", "size": 0}},
         {"identities": ["crm_id:2"], "attributes": {"colour": None}, "registered_at": "2026-01-01T00:00:00Z"})  # fmt: skip
    send(
        "events", event("E1", properties={"sku": "tea"}), event("E2"), event("E3", type="search", properties={"q": "x"})
    )

    members, events = IngestCall.objects.order_by("pk")
    assert (members.said_of, members.said) == (
        2, {"attribute:colour": 1, "attribute:size": 1, "identity:crm_id": 2, "registered_at": 1},
    )  # fmt: skip
    assert (events.said_of, events.said) == (
        3,
        {"identity:crm_id": 3, "property:browse:sku": 1, "property:search:q": 1, "type:browse": 2, "type:search": 1},
    )


def test_a_partner_who_makes_up_names_does_not_fill_the_log():
    send("members", {"identities": ["crm_id:1"], "attributes": {f"a{n}": 1 for n in range(500)}})

    call = IngestCall.objects.get()
    assert len(call.said) == log.FIELDS


def test_the_body_is_kept_sealed_and_goes_after_thirty_days_while_the_counts_stay():
    body = b'{"source": "shop", "phone": "13900000001"}' * 50
    send("orders", order(), call=log.Call("api", body=log.seal(body)))

    kept = IngestBody.objects.get()
    assert kept.size == len(body)
    assert b"139" not in bytes(kept.sealed)
    assert log.open_body(kept.call) == body

    assert sweep.sweep() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cdp_ingestbody SET made_at = made_at - interval '30 days'")
    assert sweep.sweep() == 1
    assert (IngestBody.objects.count(), counts(IngestCall.objects.get())) == (0, (1, 1, 0, 0))


def test_facts_and_their_count_commit_together():
    with transaction.atomic():
        send("orders", order())
        transaction.set_rollback(True)

    assert (Order.objects.count(), IngestCall.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("columns", "law"),
    [
        ({"rows": 2, "accepted": 1}, "every_row_became_something"),
        ({"state": "refused"}, "a_refused_call_says_why_and_stored_nothing"),
        (
            {"state": "refused", "code": "invalid", "rows": 1, "accepted": 1},
            "a_refused_call_says_why_and_stored_nothing",
        ),
    ],
)
def test_the_database_refuses_a_count_that_does_not_add_up(columns, law):
    source = Source.objects.create(code="shop", name="shop")
    with pytest.raises(IntegrityError, match=law):
        IngestCall.objects.create(source=source, kind="orders", door="api", at=at(NOW), **columns)


ROWS = {
    "orders": lambda n, good: order(f"O{n}", amount=100 * (n % 3) if good else -1),
    "refunds": lambda n, good: {
        "id": f"R{n}", "order_id": f"O{n % 4}", "refunded_at": "2026-05-02T10:00:00+08:00", "amount": 60 if good else 0,
    },
    "events": lambda n, good: event(f"E{n}", type="browse" if good else "order"),
    "members": lambda n, good: {"identities": [f"crm_id:c{n}"] if good else [], "attributes": {"age": n % 2}},
    "products": lambda n, good: {"sku": f"P{n}", "name": "tea"} if good else {"name": "tea"},
}  # fmt: skip
BATCHES = st.lists(
    st.tuples(
        st.sampled_from(sorted(ROWS)),
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from([True, True, False])), max_size=6),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_whatever_is_sent_and_however_often_the_log_adds_up_and_agrees_with_the_facts(batches):
    with transaction.atomic():
        for kind, rows in batches:
            send(kind, *(ROWS[kind](n, good) for n, good in rows))
            send(kind, *(ROWS[kind](n, good) for n, good in rows))  # a client that lost the answer

        sent = sum(len(rows) for _kind, rows in batches) * 2
        calls = list(IngestCall.objects.all())
        assert sum(call.rows for call in calls) == sent
        assert all(call.rows == call.accepted + call.duplicates + call.rejected for call in calls)
        assert all(sum(call.reasons.values()) == call.rejected for call in calls)
        stored = {kind: sum(c.accepted for c in calls if c.kind == kind) for kind in ROWS}
        assert stored["orders"] == Order.objects.count()
        assert stored["events"] == Event.objects.count()
        assert stored["products"] == Product.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM cdp_refund) + (SELECT count(*) FROM cdp_parked WHERE kind = 'refund')"
            )
            assert stored["refunds"] == cursor.fetchone()[0]
        transaction.set_rollback(True)


FILE = """id,crm_id,placed_at,sku,quantity,amount
A,1,2026-03-01T10:00:00+08:00,tea,2,10.50
A,1,2026-03-01T10:00:00+08:00,cup,1,5.00
B,1,yesterday,tea,1,5.25
C,1,2026-03-02T10:00:00+08:00,tea,1,5.25
C,1,2026-03-02T10:00:00+08:00,tea,-1,5.25
D,2,2026-03-03T10:00:00+08:00,tea,1,5.25
"""


def bring(tmp_path, **how):
    path = tmp_path / "lines.csv"
    path.write_text(FILE)
    return importing.bring("order_lines", path, source="till", said=mapping.load(None, []), now=at(NOW), **how)


def test_a_file_is_a_row_of_each_kind_that_it_makes_with_the_lines_that_were_refused(tmp_path):
    bring(tmp_path)
    bring(tmp_path, history=True, call=log.Call("admin", "admin:li", file="lines.csv"))

    orders, returns, again, returns_again = IngestCall.objects.order_by("pk")
    assert counts(orders) == (4, 3, 0, 1)
    assert (orders.kind, orders.door, orders.state, orders.file, orders.history) == (
        "orders", "file", "taken", "lines.csv", False,
    )  # fmt: skip
    assert [(row["line"], row["path"], row["code"]) for row in orders.rejections] == [(4, "placed_at", "invalid_time")]
    assert (orders.said_of, orders.said["identity:crm_id"], orders.said["items"]) == (3, 3, 3)
    assert (returns.kind, returns.state, counts(returns)) == ("returns", "taken", (1, 1, 0, 0))
    assert (counts(again), counts(returns_again)) == ((4, 0, 3, 1), (1, 0, 1, 0))
    assert (again.door, again.actor, again.history) == ("admin", "admin:li", True)
    assert (Order.objects.count(), Refund.objects.count()) == (3, 1)


def test_a_dry_run_leaves_no_count(tmp_path):
    bring(tmp_path, dry_run=True)

    assert IngestCall.objects.count() == 0


def test_a_run_that_was_killed_is_seen_with_what_it_had_stored(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(_report):
        raise Killed

    monkeypatch.setattr(importing, "CHUNK", 2)
    with pytest.raises(Killed):
        bring(tmp_path, progress=die)

    run = IngestCall.objects.get()
    assert (run.state, counts(run), Order.objects.count()) == ("under_way", (2, 1, 0, 1), 1)

    bring(tmp_path)
    assert sum(c.accepted for c in IngestCall.objects.filter(kind="orders")) == Order.objects.count() == 3


def test_the_lines_of_orders_that_came_without_are_counted_by_order():
    send("orders", order("A1"), order("A2"))
    row = {"order_id": "A1", "items": [{"sku": "tea", "quantity": 1, "amount": 1000, "category": ["drink"]}]}
    call = log.Call("file")

    for _time in range(2):
        items.add([row, {"order_id": "no", "items": row["items"]}], source="shop", call=call, now=at(NOW))

    first, again = IngestCall.objects.filter(kind="order_items").order_by("pk")
    assert (counts(first), counts(again)) == ((2, 1, 0, 1), (2, 0, 1, 1))
    assert first.said == {"category": 1, "items": 1}
    assert Refund.objects.count() == 0
