"""The pages on insight: what stands on them is what was counted, for those who may see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from cdp import tags
from config.ground.models import Brand
from config.site.insight import BY_KEY
from config.site.insight_pictures import spans_of, trait_label
from tests.builders import a_member, an_event, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2026-03-01 18:00"
CHINESE, ENGLISH = {"Accept-Language": "zh-hans"}, {"Accept-Language": "en"}


def stand():
    Brand.objects.update(clock_mode="replay", clock_at=at(NOW), timezone="Asia/Shanghai", currency="CNY")


@pytest.fixture(autouse=True)
def _the_clock_stands(db):
    stand()


def a_tea_shop(members=30):
    """Half of them drink tea, bought in the app; every third browsed of late, and not all of these bought."""
    for n in range(members):
        member = a_member(city="杭州" if n % 3 else "上海")
        tea = n % 2 == 0
        for k in range(n % 5):
            row = [
                {
                    "sku": "tea" if tea else "cup",
                    "quantity": 1,
                    "amount": 900 + 50 * n,
                    "category": ["茶" if tea else "器具"],
                }
            ]
            placed = at("2026-02-27 20:30") - timedelta(days=6 * n + 23 * k)
            an_order(member, placed, 900 + 50 * n, items=row, channel="app" if tea else "store")
        if tea:
            tags.give([tags.Given(member, ("preference", "茶"))], source=None, origin="test", now=at("2026-01-01"))
        if n % 3 == 0:
            an_event(member, "browse", "2026-02-20 10:00")
            if n % 2:
                an_event(member, "cart_add", "2026-02-20 10:10")


def page(client, key="", headers=ENGLISH, **query):
    url = reverse("admin:cdp_insight_page", args=[key]) if key else reverse("admin:cdp_insight_changelist")
    response = client.get(url, query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("key", BY_KEY)
def test_with_nobody_there_every_page_says_so(admin_client, key):
    said = page(admin_client, key)

    assert "h-problem" not in said or key == "rfm"
    assert "nan" not in said


@pytest.mark.parametrize(
    ("key", "headers", "texts"),
    [
        ("", ENGLISH, ("Recency and frequency", "important, to win back", "Who brings the money", "18 / 24")),
        ("", CHINESE, ("最近消费", "重要挽留", "复购率")),
        ("traits", ENGLISH, ("preference", "city", "tgi")),
        ("overlap", CHINESE, ("重合", "沉睡期", "重要价值")),
        ("cohorts", CHINESE, ("首购", "2025-")),
        ("intervals", CHINESE, ("茶", "器具", "中位")),
        ("funnels", CHINESE, ("二购", "浏览", "加购")),
    ],
)
def test_each_page_shows_its_picture_in_both_languages(admin_client, key, headers, texts):
    a_tea_shop()

    said = page(admin_client, key, headers).lower()

    for text in texts:
        assert text.lower() in said


def test_a_page_is_of_whom_was_chosen(admin_client):
    a_tea_shop()

    everybody, drinkers = page(admin_client), page(admin_client, who="tag:preference:茶")

    assert "<b>30</b>" in everybody
    assert "<b>15</b>" in drinkers
    assert 'value="tag:preference:茶" selected' in drinkers


def test_traits_of_a_set_against_everybody(admin_client):
    a_tea_shop()

    said = page(admin_client, "traits", who="tag:preference:茶")

    assert "15 members held against 30" in said
    assert 'class="above"' in said
    assert "15 of 15 members · base 50.0%" in said
    assert "These are the same members" in page(admin_client, "traits")


@pytest.mark.parametrize(
    ("key", "query"),
    [("", {"who": "nobody"}), ("traits", {"base": "stage:asleep"}), ("overlap", {"with": "stage:new"}), ("funnels", {"step": ["browse", "browse"]})],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(admin_client, key, query):
    assert "warning</span>" in page(admin_client, key, **query)


def test_a_page_that_is_not_there_is_404(admin_client):
    assert admin_client.get("/admin/cdp/insight/horoscope/").status_code == 404


def test_who_may_not_see_insight_sees_neither_the_pages_nor_their_entry(client):
    user = User.objects.create_user("wang", password="x", is_staff=True)
    client.force_login(user)

    for key in BY_KEY:
        assert client.get(reverse("admin:cdp_insight_page", args=[key])).status_code == 403
    assert "/admin/cdp/insight/" not in client.get("/admin/").content.decode()

    user.user_permissions.add(Permission.objects.get(codename="view_insight"))
    assert client.get(reverse("admin:cdp_insight_changelist")).status_code == 200
    assert "/admin/cdp/insight/" in client.get("/admin/").content.decode()


def test_ranges_are_read_as_people_say_them():
    assert spans_of([0, 0, 3, 5]) == ["≤ 0", "–", "1–3", "4–5", "≥ 6"]
    assert spans_of([1, 2, 3, 4]) == ["≤ 1", "2", "3", "4", "≥ 5"]
    assert spans_of([]) == ["–"] * 5
    assert trait_label("channel", "app") == "app"
