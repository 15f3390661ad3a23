"""The overview in a real browser, in both languages and both themes: figures there, nothing broken."""

from __future__ import annotations

import pytest

from automation.models import Journey
from automation.results.period import Period
from automation.results.report import report
from config.ground.models import Brand
from tests.automation.results.builders import NOW
from tests.browser.conftest import shot
from tests.browser.world import PHONE, a_shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_overview_shows_three_journeys_with_their_figures(look):
    a_shop()

    for locale, scheme, title, verdict in (
        ("en-US", "light", "Overview", "No effect shown"),
        ("en-US", "dark", "Overview", "No effect shown"),
        ("zh-CN", "light", None, None),
    ):
        page = look(locale, scheme)
        page.wait_for_selector("canvas.chart")
        shot(page, f"overview-{locale}-{scheme}")

        if title:
            assert page.title().strip().startswith(title)
            assert page.locator("#as-of").inner_text() == "as of 2017-12-01 10:00 (America/New_York)"
            assert verdict in page.locator(".h-verdict").first.inner_text()
        assert page.locator("section.journey").count() == 3
        for journey in Journey.objects.all():
            found = report(journey, Period(NOW))
            card = page.locator(f"[data-journey={journey.key}]")
            counts = card.locator(".h-bar b").all_inner_texts()
            assert counts == [
                str(n)
                for n in (
                    found.funnel.qualified, found.funnel.held_out, found.funnel.enrolled, found.funnel.left_before,
                    found.funnel.not_reached, found.funnel.under_way, found.funnel.reached, found.funnel.delivered,
                    found.funnel.converted,
                )
            ]  # fmt: skip
            assert min(found.funnel.held_out, found.funnel.delivered, found.funnel.converted) > 0
            assert card.locator(".h-arm b").all_inner_texts() == [
                f"{found.arms.treated.rate:.1%}", f"{found.arms.held_out.rate:.1%}",
            ]  # fmt: skip
        assert page.locator(".h-kpi b").count() == 9
        drawn = page.evaluate(
            "[...document.querySelectorAll('canvas.chart')].map(c => Chart.getChart(c).data.datasets.length)"
        )
        assert drawn == [3, 5]
        assert page.complaints == []


def test_the_overview_fits_a_phone(look):
    a_shop()

    page = look("zh-CN", "dark", width=390)
    page.wait_for_selector("canvas.chart")
    shot(page, "phone")

    assert page.locator("section.journey").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.complaints == []


def test_a_member_is_found_by_phone_and_read_on_one_page_that_says_when_the_clock_stands(look):
    a_shop()
    page = look("en-US")
    root = page.url.split("/admin/")[0]

    page.goto(f"{root}/admin/cdp/member/")
    shot(page, "members")
    assert page.locator("#result_list tbody tr").count() == 50
    page.goto(f"{root}/admin/cdp/member/?q=%2B8613900000001")
    assert page.locator("#result_list tbody tr").count() == 1
    page.goto(f"{root}/admin/cdp/member/?q=8613900000")
    assert page.locator("#result_list tbody tr").count() == 0

    page.goto(f"{root}/admin/cdp/member/?q=phone:{PHONE.replace('+', '%2B')}")
    page.locator("#result_list tbody a").first.click()
    page.wait_for_selector("text=Latest events")
    shot(page, "member")
    assert "+86139****0001" in page.content()
    assert PHONE not in page.content()
    assert page.complaints == []

    assert page.get_by_text("Replay: the clock stands at 2017-12-01 10:00").count() == 1
    Brand.objects.update(clock_mode="wall", clock_at=None)
    page.goto(f"{root}/admin/cdp/order/")
    assert page.get_by_text("Replay").count() == 0
