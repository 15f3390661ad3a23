"""Declared attributes have their type: at every door, in conditions, on the page; the others are kept as they come."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from cdp import attributes, identity
from cdp.conditions import facts, matching, sentence, validate
from cdp.errors import InvalidAttribute
from cdp.ingest.accept import accept
from cdp.models import AttributeDefinition, Member
from config.ground.models import AuditRow
from tests.builders import a_member, at

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def declare(name="shoe_size", type="number", choices=(), **more):
    definition = AttributeDefinition(
        name=name, type=type, label_zh=more.pop("label_zh", "鞋码"), label_en="shoe size", choices=list(choices), **more
    )
    attributes.declare(definition, actor="admin:li", now=NOW)
    return definition


def send(**said):
    return accept("members", [{"identities": ["crm_id:1"], "attributes": said}], source="crm", now=NOW)


def kept():
    return Member.objects.get(pk=identity.find("crm_id", "1")).attributes


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("birthday", "1990-05-01", "1990-05-01"),
        ("birthday", "2000-02-29", "2000-02-29"),
        ("gender", "female", "female"),
        ("tenure_years", 2.5, 2.5),
        ("children", 0, 0),
        ("card_spend", 1999, 1999),
        ("holdings", ["fund", "fund", "gold"], ["fund", "gold"]),
        ("holdings", [], []),
        ("city", None, None),
        ("since_when", "2020-01-01T08:00:00+08:00", "2020-01-01T00:00:00+00:00"),
        ("vip", False, False),
        ("undeclared", {"any": ["thing", 1]}, {"any": ["thing", 1]}),
    ],
)
def test_a_value_that_fits_is_kept(name, value, stored):
    declare("since_when", "instant")
    declare("vip", "boolean")

    answer = send(**{name: value})

    assert (answer.accepted, answer.rejected) == (1, [])
    assert kept() == ({} if stored is None else {name: stored})
    assert send(**{name: value}).duplicates == 1


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("birthday", "1990-5-1", "invalid_date"),
        ("birthday", "2001-02-29", "invalid_date"),
        ("birthday", "19900501", "invalid_date"),
        ("birthday", "0001-01-01", "invalid_date"),
        ("birthday", 19900501, "invalid_date"),
        ("birthday", "１９９０-05-01", "invalid_date"),
        ("gender", "女", "unknown_value"),
        ("gender", ["female"], "unknown_value"),
        ("name", 7, "wrong_type"),
        ("tenure_years", "2.5", "wrong_type"),
        ("tenure_years", True, "wrong_type"),
        ("children", 1.5, "wrong_type"),
        ("children", 1.0, "wrong_type"),
        ("card_spend", 19.99, "wrong_type"),
        ("holdings", "fund", "wrong_type"),
        ("holdings", [""], "wrong_type"),
        ("holdings", ["x"] * 101, "wrong_type"),
        ("since_when", "2020-01-01T08:00:00", "invalid_time"),
        ("since_when", 0, "invalid_time"),
        ("vip", "true", "wrong_type"),
        ("vip", 1, "wrong_type"),
    ],
)
def test_a_value_of_another_type_costs_its_row_and_is_named(name, value, code):
    declare("since_when", "instant")
    declare("vip", "boolean")
    good = {"identities": ["crm_id:2"], "attributes": {"city": "上海"}}
    bad = {"identities": ["crm_id:1"], "attributes": {"city": "北京", name: value}}

    answer = accept("members", [good, bad], source="crm", now=NOW)

    assert answer.accepted == 1
    assert [(r.index, r.path, r.code) for r in answer.rejected] == [(1, f"attributes.{name}", code)]
    assert identity.find("crm_id", "1") is None


def test_a_batch_reads_the_declarations_once():
    rows = [{"identities": [f"crm_id:c{n}"], "attributes": {"birthday": "1990-05-01"}} for n in range(200)]

    with CaptureQueriesContext(connection) as asked:
        accept("members", rows, source="crm", now=NOW)

    assert sum("cdp_attributedefinition" in query["sql"] for query in asked) == 1


def test_a_type_stays_while_there_are_values_and_names_stay_always():
    definition = declare()
    definition.type = "text"
    attributes.declare(definition, actor="admin:li", now=NOW)
    send(shoe_size="42")

    definition.type = "number"
    with pytest.raises(InvalidAttribute) as refusal, transaction.atomic():
        attributes.declare(definition, actor="admin:li", now=NOW)
    assert refusal.value.field == "type"
    with pytest.raises(IntegrityError, match="keeps its name and type"), transaction.atomic():
        AttributeDefinition.objects.filter(name="shoe_size").update(type="number")
    with pytest.raises(IntegrityError, match="keeps its name and type"), transaction.atomic():
        AttributeDefinition.objects.filter(name="shoe_size").delete()
    definition.type, definition.label_en = "text", "size of shoe"
    attributes.declare(definition, actor="admin:li", now=NOW)

    assert [(row.action, row.detail) for row in AuditRow.objects.order_by("pk")][1:] == [
        ("attribute.change", {"was": {"type": "number"}, "type": "text"}),
        ("attribute.change", {"was": {"label_en": "shoe size"}, "label_en": "size of shoe"}),
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "stage"}, "name"),
        ({"name": "city"}, "name"),
        ({"name": "2nd"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": ""}, "name"),
        ({"type": "choice"}, "choices"),
        ({"type": "text", "choices": [["a", "a", "a"]]}, "choices"),
        ({"type": "choice", "choices": [["a", "a", "a"], ["Ａ".lower(), "b", "b"]]}, "choices"),
    ],
)
def test_what_cannot_be_declared_is_refused_with_its_field(wrong, field):
    with pytest.raises(InvalidAttribute) as refusal:
        declare(**wrong)

    assert refusal.value.field == field


def test_what_is_declared_can_be_asked_at_once_and_what_is_not_cannot():
    asked = {"field": "鞋码", "op": ">=", "value": 42}
    a_member(crm_id="1", 鞋码=43)
    a_member(crm_id="2", 鞋码=41)
    a_member(crm_id="3", 鞋码="43")  # it was a text when nobody had declared it
    assert [fault.code for fault in validate(asked)] == ["unknown_field"]

    declare("鞋码", "integer")

    assert list(matching(asked, as_of=NOW)) == [Member.objects.get(pk=identity.find("crm_id", "1"))]
    assert matching({"field": "鞋码", "op": "is_not_set"}, as_of=NOW).count() == 1
    with translation.override("zh-hans"):
        assert sentence(asked) == "鞋码不小于42"
    with translation.override("en"):
        assert sentence(asked) == "shoe size at least 42"


def test_a_condition_on_the_fields_of_the_code_does_not_ask_what_is_declared(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert validate({"field": "orders", "op": ">", "value": 1}) == []
    tree = {"any": [{"field": name, "op": "is_set"} for name in ("city", "gender", "birthday")]}
    with django_assert_num_queries(1):
        assert validate(tree) == []


BORN = {"1": "1990-05-01", "2": "2000-02-29", "3": "2000-02-28", "4": "2026-03-01", "5": "1999-12-31", "6": "never"}


@pytest.mark.parametrize(
    ("today", "within", "who"),
    [
        (
            "2026-02-28",
            "P1D",
            {"2", "3"},
        ),  # a year without the 29th; the 1st of March is born today: no anniversary yet
        ("2024-02-28", "P1D", {"2", "3"}),
        ("2024-02-29", "P1D", {"2"}),
        ("2026-02-27", "P1D", {"2", "3"}),
        ("2026-03-01", "P1D", set()),
        ("2026-04-24", "P7D", {"1"}),
        ("2026-04-23", "P7D", set()),
        ("2026-05-01", "P7D", {"1"}),
        ("2026-12-30", "P2D", {"5"}),
        ("2026-12-31", "P62D", {"2", "3", "5", "4"}),
        ("2027-01-01", "P366D", {"1", "2", "3", "4", "5"}),
    ],
)
def test_an_anniversary_falls_on_today_or_within_the_days(today, within, who):
    for number, born in BORN.items():
        member = a_member(crm_id=number)
        Member.objects.filter(pk=member).update(attributes={"birthday": born})
    tree = {"field": "birthday", "op": "anniversary_within", "value": within}

    found = matching(tree, as_of=at(f"{today} 23:59"))

    assert {n for n in BORN if identity.find("crm_id", n) in set(found.values_list("pk", flat=True))} == who


def test_facts_have_the_types_and_what_does_not_fit_is_not_known():
    declare("vip", "boolean")
    declare("met_at", "instant")
    said = {
        "birthday": "1990-05-01", "gender": "male", "tenure_years": 2.5, "children": 2, "card_spend": 1999,
        "holdings": ["Ｆund"], "vip": True, "met_at": "2020-01-01T00:00:00+00:00", "name": "王芳",
    }  # fmt: skip
    member = a_member(**said)
    odd = a_member()
    wrong = {
        "birthday": "1990-02-30",
        "tenure_years": "2",
        "children": 1.5,
        "card_spend": 1e30,
        "holdings": "x",
        "vip": "yes",
        "met_at": "1990-05-01",
    }
    Member.objects.filter(pk=odd).update(attributes=wrong)

    known = facts([member, odd], as_of=NOW)

    assert {name: known[member][name] for name in said} == said | {
        "birthday": date(1990, 5, 1), "holdings": ["Fund"], "met_at": datetime(2020, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    assert {name: known[odd][name] for name in wrong} == dict.fromkeys(wrong)


def test_the_page_shows_values_by_their_type_and_the_form_refuses_kindly(admin_client):
    declare("vip", "boolean", label_zh="黑卡")
    member = a_member(birthday="1990-05-01", gender="female", card_spend=199900, vip=True, 备注="老客")

    page = admin_client.get(reverse("admin:cdp_member_change", args=[member])).content.decode()

    for text in (
        "<dt>生日</dt><dd>1990-05-01</dd>",
        "<dt>性别</dt><dd>女</dd>",
        "1,999.00</dd>",
        "<dt>黑卡</dt><dd>是</dd>",
        "<dt>备注</dt><dd>老客</dd>",
    ):
        assert text in page
    new = {
        "name": "pet",
        "type": "choice",
        "label_zh": "宠物",
        "label_en": "pet",
        "lines": "cat, 猫, cat\ndog，狗",
        "personal": "",
    }
    answer = admin_client.post(reverse("admin:cdp_attributedefinition_add"), new | {"name": "orders"})
    assert "orders" not in AttributeDefinition.objects.values_list("name", flat=True)
    assert answer.status_code == 200
    assert admin_client.post(reverse("admin:cdp_attributedefinition_add"), new).status_code == 302
    pet = AttributeDefinition.objects.get(name="pet")
    assert pet.choices == [["cat", "猫", "cat"], ["dog", "狗", "dog"]]
    assert AuditRow.objects.filter(action="attribute.declare", subject="pet", actor="admin:admin").count() == 1
    url = reverse("admin:cdp_attributedefinition_change", args=[pet.pk])
    a_member(pet="cat")
    assert admin_client.post(url, new | {"type": "text", "lines": ""}).status_code == 200
    assert admin_client.post(url, new | {"label_zh": "毛孩子"}).status_code == 302
    assert AttributeDefinition.objects.get(name="pet").label_zh == "毛孩子"
    assert admin_client.get(reverse("admin:cdp_attributedefinition_changelist")).status_code == 200
    assert (
        admin_client.post(reverse("admin:cdp_attributedefinition_delete", args=[pet.pk]), {"post": "yes"}).status_code
        == 403
    )
