"""The pages on insight in a browser: every picture is drawn, in both languages and themes, and nothing is wider than the page."""

from __future__ import annotations

import pytest

from tests.browser.conftest import shot
from tests.site.test_insight import a_tea_shop, stand

pytestmark = pytest.mark.django_db(transaction=True)
SIDEWAYS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [
        ("zh-CN", "light", 1440),
        pytest.param("en-US", "dark", 1440, marks=pytest.mark.slow),
        pytest.param("zh-CN", "light", 800, marks=pytest.mark.slow),
    ],
)
def test_every_picture_is_drawn(look, live_server, locale, scheme, width):
    stand()
    a_tea_shop(60)
    page = look(locale, scheme, width)

    for key in ("rfm", "traits", "overlap", "cohorts", "intervals", "funnels"):
        page.goto(f"{live_server.url}/admin/cdp/insight/{key}/?who=tag:preference:茶")
        shot(page, f"insight-{key}-{locale}-{width}")
        assert page.evaluate(SIDEWAYS), key
    assert page.complaints == []


def test_the_grid_has_its_heat_and_a_group_leads_to_its_traits(look, live_server):
    stand()
    a_tea_shop(60)
    page = look("zh-CN")

    page.goto(f"{live_server.url}/admin/cdp/insight/")
    assert page.locator("#grid tbody tr").count() == 5
    assert page.locator("#grid tbody td").count() == 25
    heats = page.evaluate("[...document.querySelectorAll('#grid td')].map(td => getComputedStyle(td).backgroundColor)")
    assert len(set(heats)) == 3  # nobody, one, two
    page.click("#groups a >> nth=0")
    assert page.url.endswith("/admin/cdp/insight/traits/?who=rfm_group:important_value")
    assert page.locator("select[name=who]").input_value() == "rfm_group:important_value"


def test_a_path_is_chosen_and_its_break_is_red(look, live_server):
    stand()
    a_tea_shop(60)
    page = look("zh-CN")

    page.goto(f"{live_server.url}/admin/cdp/insight/funnels/")
    page.select_option("select[name=step] >> nth=1", "order")
    page.select_option("select[name=step] >> nth=2", "")
    page.select_option("select[name=days]", "90")
    page.click(".h-ask button")

    assert page.locator("#path .h-bar").count() == 2
    assert page.locator("#path .bad").count() == 1
    assert page.complaints == []
