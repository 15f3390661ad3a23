"""The cells of declared attributes are read as spreadsheets write them, and refused with their column where they cannot be."""

from __future__ import annotations

import pytest

from cdp import identity
from cdp.models import AttributeDefinition, Member, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def declared():
    for name, type in (("vip", "boolean"), ("met_at", "instant")):
        AttributeDefinition.objects.create(name=name, type=type, label_zh=name, label_en=name)


def kept(number="1"):
    return Member.objects.get(pk=identity.find("crm_id", number)).attributes


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("birthday", "1990-5-1", "1990-05-01"),
        ("birthday", "1990/05/01", "1990-05-01"),
        ("birthday", "1990年5月1日", "1990-05-01"),
        ("birthday", "1990-05-01 00:00:00", "1990-05-01"),
        ("vip", "是", True),
        ("vip", "FALSE", False),
        ("vip", "0", False),
        ("gender", "女", "female"),
        ("gender", "Male", "male"),
        ("children", "2", 2),
        ("children", "2.0", 2),
        ("tenure_years", "2.5", 2.5),
        ("card_spend", "19.9", 1990),
        ("holdings", "fund; gold;fund", ["fund", "gold"]),
        ("holdings", "基金；黄金", ["基金", "黄金"]),
        ("met_at", "2026/3/1 9:05", "2026-03-01T01:05:00+00:00"),
        ("city", "021", "021"),
        ("tea", "1990-5-1", "1990-5-1"),
    ],
)
def test_a_cell_becomes_its_value(bring, column, cell, value):
    report = bring("members", f'crm_id,{column}\n1,"{cell}"\n', timezone="Asia/Shanghai")

    assert (report.stored, report.rejected) == (1, 0)
    assert kept() == {column: value}


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("birthday", "1990-02-30", "invalid_date"),
        ("birthday", "32994", "invalid_date"),
        ("birthday", "05/01/1990", "invalid_date"),
        ("vip", "maybe", "wrong_type"),
        ("gender", "M.", "unknown_value"),
        ("children", "1.5", "wrong_type"),
        ("children", "two", "invalid_number"),
        ("tenure_years", "1e3", "invalid_number"),
        ("card_spend", "0.005", "too_fine"),
        ("met_at", "yesterday", "invalid_time"),
    ],
)
def test_a_cell_that_cannot_be_its_type_costs_its_row_and_names_its_column(bring, column, cell, code):
    report = bring("members", f"crm_id,Theirs\n1,{cell}\n2,\n", maps=[f"{column}=Theirs"], timezone="Asia/Shanghai")

    assert (report.stored, dict(report.reasons)) == (1, {code: 1})
    assert (report.first[0].line, report.first[0].column) == (2, "Theirs")
    assert kept("2") == {}


def test_tags_stand_in_one_cell(bring):
    report = bring("members", "crm_id,tags\n1,identity:vip; preference:茶\n2,vip\n3,\n")

    assert (report.stored, dict(report.reasons), report.first[0].column) == (2, {"invalid_tag": 1}, "tags")
    assert sorted(str(tag) for tag in Tag.objects.filter(carried__member=identity.find("crm_id", "1"))) == [
        "identity:vip", "preference:茶",
    ]  # fmt: skip


def test_the_values_of_ndjson_have_their_types_already(bring):
    row = '{"crm_id": 1, "vip": true, "children": 2, "tenure_years": 1.5, "holdings": ["a"], "birthday": "1990-05-01", "city": ["x"]}\n'

    report = bring("members", row + row.replace(', "city": ["x"]', ""), name="rows.ndjson")

    assert (report.stored, report.first[0].column) == (1, "city")
    assert kept() == {"vip": True, "children": 2, "tenure_years": 1.5, "holdings": ["a"], "birthday": "1990-05-01"}
