"""Two members merged and parted by hand, in a real browser."""

from __future__ import annotations

import pytest
from django.urls import reverse

from cdp.models import Member, Merge
from tests.browser.conftest import shot
from tests.browser.world import PHONE, a_shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_two_members_are_merged_and_parted_by_hand(look, live_server, locale):
    a_shop()
    one, other = Member.objects.order_by("pk")[:2]
    page = look(locale)

    page.goto(live_server.url + reverse("admin:cdp_member_merge", args=[one.pk, other.pk]))
    shot(page, f"merge-{locale}")
    assert page.locator(".h-card h2").all_inner_texts() == [f"会员000 · #{one.pk}", f"会员001 · #{other.pk}"]
    assert PHONE not in page.content()
    page.check(f"input[name=keep][value='{other.pk}']")
    page.fill("input[name=reason]", "同一人，两个手机号")
    page.click("form.h-card button[type=submit]")
    page.wait_for_url(f"**/cdp/member/{other.pk}/change/")
    shot(page, f"merged-member-{locale}")
    made = Merge.objects.get()
    assert (made.keep_id, made.drop_id) == (other.pk, one.pk)

    page.goto(live_server.url + reverse("admin:cdp_merge_changelist"))
    shot(page, f"merges-{locale}")
    assert page.locator("#result_list tbody tr").count() == 1
    page.goto(live_server.url + reverse("admin:cdp_merge_undo", args=[made.pk]))
    page.fill("input[name=reason]", "两个人")
    shot(page, f"unmerge-{locale}")
    page.click("form.h-card button[type=submit]")
    page.wait_for_url(f"**/cdp/member/{one.pk}/change/")
    assert Merge.objects.get().undone_by == "admin:li"
    page.goto(live_server.url + reverse("admin:cdp_member_changelist"))
    shot(page, f"members-{locale}")
    assert page.complaints == []
