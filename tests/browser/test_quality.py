"""The pages on data quality in a real browser: charts drawn, dropped days red, fit for a small window, nothing broken."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cdp.ingest import log
from cdp.ingest.accept import accept
from cdp.models import IngestCall, SourceQuality
from config.ground.models import Brand
from tests.browser.conftest import shot
from tests.builders import at

pytestmark = pytest.mark.django_db(transaction=True)
NOW = "2026-03-01 18:00"


def a_shop():
    """Sixty days of one call a noon; on the last but two hardly anything came, and some rows of each day are bad."""
    Brand.objects.update(clock_mode="replay", clock_at=at(NOW), timezone="Asia/Shanghai", currency="CNY")
    for back in range(60, -1, -1):
        noon = at("2026-03-01 12:00") - timedelta(days=back)
        rows = [
            {
                "id": f"{back}-{n}", "identities": [f"crm_id:c{n % 17}"], "currency": "CNY",
                "placed_at": (noon - timedelta(minutes=7 * n)).isoformat(), "amount": 1000 if n % 9 else -1,
            }
            for n in range(3 if back == 2 else 40)
        ]  # fmt: skip
        body = log.seal(json.dumps({"source": "shop", "orders": rows}).encode())
        accept("orders", rows, source="shop", now=noon, call=log.Call("api", "api:shop", body=body))


def open_(page, path):
    page.goto(page.url.split("/admin/")[0] + path)


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("zh-CN", "light", 1440), ("en-US", "dark", 1440), ("zh-CN", "light", 800)]
)
def test_a_source_is_read_on_one_page(look, locale, scheme, width):
    a_shop()
    source = SourceQuality.objects.get(code="shop").pk
    page = look(locale, scheme, width)

    open_(page, "/admin/cdp/sourcequality/")
    page.wait_for_selector("canvas.chart")
    shot(page, f"quality-{locale}-{width}")
    assert page.locator("[data-source=shop] .h-problem").count() == 2
    page.click("[data-source=shop] h2 a")
    page.wait_for_selector("#volume canvas.chart")
    shot(page, f"quality-source-{locale}-{width}")

    assert page.url.endswith(f"/admin/cdp/sourcequality/{source}/change/?days=30")
    colours = page.evaluate("Chart.getChart(document.querySelector('#volume canvas')).data.datasets[0].backgroundColor")
    assert [n for n, colour in enumerate(colours) if colour != colours[0]] == [27]
    assert page.evaluate("Chart.getChart(document.querySelector('#validity canvas')).data.datasets.length") == 1
    assert page.locator("#completeness .h-bar").count() == 7
    bars = page.locator("#completeness .h-bar")
    drawn = page.locator("#completeness .h-bar > i").first.bounding_box()
    assert bars.first.bounding_box()["height"] < 30 and drawn["width"] >= 60  # name, bar and figure stand in one line
    assert page.locator("#timeliness tbody tr").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.complaints == []


def test_a_call_is_read_and_its_body_opened(look):
    a_shop()
    page = look("en-US")

    open_(page, f"/admin/cdp/ingestcall/{IngestCall.objects.latest('pk').pk}/change/")
    assert page.locator("#rejections tbody tr").count() == 5
    page.click("#rejections summary >> nth=0")
    assert '"amount": "#"' in page.locator("#rejections pre").first.inner_text()
    assert "crm_id" not in page.locator("#rejections").inner_text()
    page.click("#body button")
    page.wait_for_selector("#raw pre")
    shot(page, "raw-body")

    assert "crm_id:c0" in page.locator("#raw pre").inner_text()
    assert page.complaints == []
