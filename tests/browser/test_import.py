"""A file is brought in by clicking, in Chinese: every page is whole, and nothing complains."""

from __future__ import annotations

import pytest

from cdp.models import AttributeDefinition, Member, Order
from config.ground import clock, jobs
from tests.browser.conftest import shot
from tests.builders import a_member, absorbed, an_order, at

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [
    f"T{n},1390000{n:04},2026/3/1 9:{n % 60:02},tea,龙井 明前 一级 250 克 罐装,2,39.80,店员{n % 3}" for n in range(120)
]
TILL = "\n".join(
    ["小票号,会员手机,交易时间,货号,品名,数量,金额,店员", *ROWS, "X1,0,2026/3/1 9:20,tea,龙井,1,19.905,李", "X2,abc,2026/3/1 9:30,tea,龙井,1,19.90,李", "X3,,2026/3/1 9:30,cup,茶杯,-1,-15.00,李"]
)  # fmt: skip


def test_a_file_comes_in_by_clicking(look, live_server, tmp_path):
    file = tmp_path / "门店销售-三月.csv"
    file.write_bytes(TILL.encode("gbk"))
    page = look()
    page.goto(f"{live_server.url}/admin/cdp/fileimport/add/")
    shot(page, "import-give")
    page.select_option("#id_kind", "order_lines")
    page.fill("#id_source", "till")
    page.set_input_files("#id_file", str(file))
    page.click(".h-button")
    shot(page, "import-reading")
    assert "正在等待后台处理" in page.inner_text(".h-card")
    jobs.run_waiting(clock.now)
    page.reload()
    shot(page, "import-match")
    assert page.locator("tbody tr").count() == 8
    page.click(".h-button")
    jobs.run_waiting(clock.now)
    page.reload()
    shot(page, "import-tried")
    assert Order.objects.count() == 0
    page.click("text=正式导入 121 行")
    jobs.run_waiting(clock.now)
    page.reload()
    shot(page, "import-done")
    assert page.locator(".h-stats b").all_inner_texts() == ["123", "121", "0", "2"]
    with page.expect_download() as taken:
        page.click("text=下载被拒绝的行")
    assert taken.value.suggested_filename == "门店销售-三月.csv.rejects.csv"
    page.goto(f"{live_server.url}/admin/cdp/fileimport/")
    shot(page, "import-list")
    assert (Order.objects.count(), page.complaints) == (120, [])


def test_attributes_tags_and_returns_are_shown(look, live_server):
    AttributeDefinition.objects.create(name="vip", type="boolean", label_zh="黑卡会员", label_en="black card")
    member = a_member(
        name="王芳", phone="13900000001", birthday="1990-05-01", gender="female", city="上海", children=2, card_spend=1999900,
        holdings=["基金", "黄金"], vip=True, 备注="喜欢靠窗的位置",
    )  # fmt: skip
    an_order(member, at("2026-03-01"), 12300)
    absorbed()
    page = look()
    for name, path in (
        ("member", f"cdp/member/{member}/change/"),
        ("attributes", "cdp/attributedefinition/"),
        ("attribute", f"cdp/attributedefinition/{AttributeDefinition.objects.get(name='gender').pk}/change/"),
        ("tags", "cdp/tag/"),
        ("refunds", "cdp/refund/"),
    ):
        page.goto(f"{live_server.url}/admin/{path}")
        shot(page, f"page-{name}")
    assert (Member.objects.count(), page.complaints) == (1, [])
