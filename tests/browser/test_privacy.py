"""The member's Privacy page in a browser: nothing complains, and it says what it must in both languages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdp import consents, erasure, exporting, profiling
from cdp.models import Identity, Source
from config.ground import clock, jobs
from tests.browser.conftest import shot
from tests.browser.world import PHONE, a_shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(transactional_db):
    a_shop()
    now, source = clock.now(), Source.objects.get(code="web")
    found = Identity.objects.get(kind="phone").member
    words = [
        ("sms", "marketing", "granted", 90, "注册表单 2026-03", source.code, "privacy-v3"),
        ("email", "marketing", "granted", 60, "官网勾选", source.code, "privacy-v3"),
        ("any", "third_party", "granted", 50, "出行平台授权页", source.code, "third-party-v1"),
        ("sms", "marketing", "withdrawn", 20, "receipt 71", "reply", ""),
        ("any", "profiling", "withdrawn", 3, "10 月 3 日电话，客服 12 号录音", "admin", ""),
    ]
    for channel, purpose, state, days, evidence, by, wording in words:
        at = now - timedelta(days=days)
        consents.set_state([consents.Said(found.pk, channel, purpose, state, at, evidence, by, wording)], now=at)
    exporting.ask(found.pk, form="json", actor="admin:li", now=now)
    jobs.run_waiting(lambda: now)
    exporting.ask(found.pk, form="zip", actor="api:till", now=now)
    profiling.end(None, as_of=now)
    return found


@pytest.mark.parametrize(
    ("locale", "texts"), [("zh-CN", ("当前有效", "注册表单 2026-03", "下载")), ("en-US", ("In force", "Download"))]
)
def test_the_page_says_what_was_said_and_what_can_be_done(look, live_server, member, locale, texts):
    page = look(locale)

    page.goto(f"{live_server.url}/admin/cdp/member/{member.pk}/privacy/")

    shot(page, f"privacy-{locale}")
    body = page.inner_text("body")
    for text in texts:
        assert text in body
    assert PHONE not in page.content()
    page.goto(f"{live_server.url}/admin/cdp/member/{member.pk}/change/")
    shot(page, f"member-{locale}")
    assert page.complaints == []


def test_it_fits_a_small_screen_and_an_erased_member_shows_the_receipt(look, live_server, member):
    page = look("zh-CN", width=800)
    where = f"{live_server.url}/admin/cdp/member/{member.pk}/privacy/"

    page.goto(where)
    shot(page, "privacy-800")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.fill("[name=erase-number]", str(member.pk))
    page.click("form:has([value=erase]) button[type=submit]")
    jobs.run_waiting(clock.now)
    page.goto(where)
    shot(page, "privacy-erased")

    assert "删除回执" in page.inner_text("body")
    assert erasure.family(member.pk) == [member.pk]
    page.goto(f"{live_server.url}/admin/cdp/erasurereceipt/")
    shot(page, "receipts")
    assert page.complaints == []
