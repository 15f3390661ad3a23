"""The pages on data quality and on what came in: every figure with its meaning, and a raw body for those who may, on record."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from cdp.admin.ingest import masked
from cdp.ingest import log
from cdp.ingest.accept import accept
from cdp.models import IngestBody, IngestCall, SourceQuality
from config.ground.models import AuditRow, Brand
from tests.builders import at

pytestmark = pytest.mark.django_db
NOW = "2026-03-01 12:00"
CHINESE, ENGLISH = {"Accept-Language": "zh-hans"}, {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _the_clock_stands(db):
    Brand.objects.update(clock_mode="replay", clock_at=at(NOW))


def orders(*rows, now="2026-03-01 03:12", **call):
    body = json.dumps({"source": "shop", "orders": rows}).encode()
    accept("orders", rows, source="shop", now=at(now), call=log.Call("api", "api:shop", body=log.seal(body), **call))


def order(id="A1", **other):
    return {
        "id": id, "identities": ["phone:+8613900000001"], "placed_at": "2026-03-01T03:00:00+08:00", "amount": 1000, "currency": "CNY",
    } | other  # fmt: skip


def page(client, name, *args, query="", headers=ENGLISH):
    response = client.get(reverse(f"admin:{name}", args=args) + query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def the_source():
    return SourceQuality.objects.get(code="shop").pk


def test_before_anything_came_the_pages_say_so(admin_client):
    assert "No source has sent anything yet." in page(admin_client, "cdp_sourcequality_changelist")
    assert "还没有数据源发来数据" in page(admin_client, "cdp_sourcequality_changelist", headers=CHINESE)


def test_a_source_with_calls_of_long_ago_says_that_nothing_came(admin_client):
    orders(order(placed_at="2024-01-01T00:00:00+08:00"), now="2024-03-01 10:00")

    said = page(admin_client, "cdp_sourcequality_change", the_source())

    for text in (
        "Nothing came in these days.",
        "No row was rejected.",
        "Nothing waits.",
        "Nothing in these days names a member.",
    ):
        assert text in said


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        (ENGLISH, ("orders without a member", "Orders that name no member / orders recorded in the period", "1 / 2")),
        (CHINESE, ("无会员的订单", "没有会员的订单 / 期间记录的订单", "1 / 2", "身份标识覆盖", "手机号")),
    ],
)
def test_the_page_of_a_source_shows_each_figure_with_its_meaning_and_its_parts(admin_client, headers, texts):
    orders(order(), order("A2", identities=[]), order("A3", amount=-1))

    said = page(admin_client, "cdp_sourcequality_change", the_source(), headers=headers)

    for text in texts:
        assert text.lower() in said.lower()
    assert "50.0%" in said
    assert "+86139" not in said


def test_the_days_are_chosen_and_others_are_thirty(admin_client):
    orders(order())

    for query, first in (
        ("?days=7", "2026-02-23"),
        ("", "2026-01-31"),
        ("?days=12", "2026-01-31"),
        ("?days=x", "2026-01-31"),
    ):
        assert f"{first} to 2026-03-01" in page(admin_client, "cdp_sourcequality_change", the_source(), query=query)


def test_pages_cost_the_same_for_one_source_and_for_many(
    admin_client, django_assert_num_queries, django_assert_max_num_queries
):
    url = reverse("admin:cdp_sourcequality_changelist")
    orders(order())
    with django_assert_max_num_queries(40) as once:
        admin_client.get(url)
    for n in range(4):
        accept("orders", [order()], source=f"s{n}", now=at(NOW), call=log.Call("api"))

    with django_assert_num_queries(len(once)):
        admin_client.get(url)


def test_who_may_not_see_quality_sees_neither_the_pages_nor_their_entries(client):
    orders(order())
    user = User.objects.create_user("wang", password="x", is_staff=True)
    client.force_login(user)

    assert client.get(reverse("admin:cdp_sourcequality_changelist")).status_code == 403
    assert client.get(reverse("admin:cdp_sourcequality_change", args=[the_source()])).status_code == 403
    assert client.get(reverse("admin:cdp_ingestcall_changelist")).status_code == 403
    assert reverse("admin:cdp_sourcequality_changelist") not in client.get("/admin/").content.decode()


def test_a_source_that_is_not_there_is_404(admin_client):
    for pk in ("999999", "x"):
        assert admin_client.get(reverse("admin:cdp_sourcequality_change", args=[pk])).status_code == 404


def test_what_the_shop_sent_at_0312_is_found_by_its_minute_and_why_row_17_was_refused(admin_client):
    orders(*(order(f"A{n}", **({"amount": "12"} if n == 17 else {})) for n in range(20)))
    orders(order("B1"), now="2026-03-01 03:13")

    listed = (
        admin_client.get(reverse("admin:cdp_ingestcall_changelist"), {"q": "2026-03-01 03:12"})
        .context["cl"]
        .result_list
    )
    assert [(call.rows, call.rejected) for call in listed] == [(20, 1)]
    said = page(admin_client, "cdp_ingestcall_change", listed[0].pk, headers=CHINESE)

    assert "<th>17</th>" in said
    assert "数据类型不符" in said
    assert "13900000001" not in said
    assert "•••" in said


@pytest.mark.parametrize(
    ("query", "found"),
    [("?rejections=yes", 2), ("?rejections=refused", 1), ("?kind=orders", 3), ("?kind=events", 0), ("?q=req-7", 1), ("?q=2026-03-01", 2), ("?q=2026-02", 0)],
)  # fmt: skip
def test_calls_are_filtered(admin_client, query, found):
    orders(order(), order("A2", amount=-1), request_id="req-7")
    orders(order("A3", placed_at="2026-02-27T09:00:00+08:00"), now="2026-02-27 10:00")
    log.Call("api").refused("orders", "too_many_rows", source="shop", rows=1001, now=at(NOW))

    response = admin_client.get(reverse("admin:cdp_ingestcall_changelist") + query)

    assert len(response.context["cl"].result_list) == found


def test_the_raw_body_opens_with_its_permission_only_and_leaves_a_row(client):
    orders(order())
    call = IngestCall.objects.get()
    url = reverse("admin:cdp_ingestcall_body", args=[call.pk])
    user = User.objects.create_user("wang", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_ingestcall"))
    client.force_login(user)

    assert client.post(url).status_code == 403
    assert "You may not read it" in page(client, "cdp_ingestcall_change", call.pk)
    assert AuditRow.objects.count() == 0

    user.user_permissions.add(Permission.objects.get(codename="read_body"))
    assert client.get(url).status_code == 405
    assert AuditRow.objects.count() == 0
    response = client.post(url)

    assert "+8613900000001" in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    row = AuditRow.objects.get()
    assert (row.actor, row.action, row.subject, row.at) == (
        "admin:wang",
        "ingest_call.read",
        f"ingest_call:{call.pk}",
        at(NOW),
    )


def test_a_body_whose_time_is_over_says_so(admin_client):
    orders(order(), order("A2", amount=-1))
    IngestBody.objects.all().delete()
    call = IngestCall.objects.get()

    assert "No body is kept" in page(admin_client, "cdp_ingestcall_change", call.pk)
    response = admin_client.post(reverse("admin:cdp_ingestcall_body", args=[call.pk]), follow=True, headers=ENGLISH)
    assert "The body is not kept any more" in response.content.decode()
    assert AuditRow.objects.count() == 0


def test_a_body_that_is_no_json_is_shown_as_it_was_and_escaped(admin_client):
    log.Call("api", body=log.seal(b"<script>\xff")).refused("orders", "malformed_json", source="shop", now=at(NOW))

    said = admin_client.post(reverse("admin:cdp_ingestcall_body", args=[IngestCall.objects.get().pk])).content.decode()

    assert "&lt;script&gt;\\xff" in said


def test_a_run_that_says_nothing_for_ten_minutes_was_broken_off(admin_client, django_db_blocker):
    log.Run(log.Call("file", file="orders.csv"), "orders", source="till", history=False, now=at(NOW))
    assert "under way" in page(admin_client, "cdp_ingestcall_changelist")

    call = IngestCall.objects.get()
    IngestCall.objects.update(last_at=call.last_at.replace(year=call.last_at.year - 1))

    assert "broken off" in page(admin_client, "cdp_ingestcall_changelist")


def test_a_mask_shows_the_form_and_no_value():
    row = {"id": "A1", "amount": 12, "paid": True, "note": None, "items": [{"sku": "tea", "price": 1.5}]}

    assert masked(row) == {
        "id": "•••",
        "amount": "#",
        "paid": True,
        "note": None,
        "items": [{"sku": "•••", "price": "#"}],
    }
