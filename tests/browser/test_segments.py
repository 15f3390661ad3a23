"""The form of a condition in a real browser: rows write the JSON, the sentence and the count follow, by keyboard too."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cdp import audiences, judging
from cdp.models import Segment
from config.ground import clock
from tests.browser.conftest import shot
from tests.builders import a_member, absorbed, an_order

pytestmark = pytest.mark.django_db(transaction=True)


def open_(page, path):
    page.goto(page.url.split("/admin/")[0] + path)


def test_a_segment_is_built_of_rows_and_saved(look):
    now = clock.now()
    for n in range(3):
        an_order(a_member(), now - timedelta(days=n), now=now)
    absorbed(now=now)
    audiences.make(now=now)
    judging.judge(now=now)
    page = look("zh-CN")

    open_(page, "/admin/cdp/segment/add/")
    page.fill("#id_key", "buyers")
    page.fill("#id_name", "买过的")
    page.get_by_text("+ 添加条件").click()
    page.get_by_label("字段", exact=True).select_option("orders")
    page.get_by_label("运算符", exact=True).select_option(">=")
    page.get_by_label("值", exact=True).fill("1")
    page.get_by_label("值", exact=True).press("Tab")
    page.wait_for_function("document.body.innerText.includes('3 / 3')")
    page.get_by_text("+ 添加一组").focus()
    page.keyboard.press("Enter")
    shot(page, "segment-form")
    page.get_by_text("移除").last.click()
    page.keyboard.press("Escape")
    assert json.loads(page.input_value("#id_condition")) == {"all": [{"field": "orders", "op": ">=", "value": 1}]}
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.wait_for_url("**/admin/cdp/segment/")
    shot(page, "segments")

    assert Segment.objects.get(key="buyers").condition == {"all": [{"field": "orders", "op": ">=", "value": 1}]}
    open_(page, f"/admin/cdp/segment/{Segment.objects.get(key='cart-not-bought').pk}/change/")
    page.wait_for_timeout(1000)
    shot(page, "segment-ready")
    assert page.complaints == []
