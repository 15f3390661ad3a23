"""Templates, their values, and an account's terms."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from config.ground.models import AuditRow
from connectors import render, terms
from connectors.accounts import TEXTS, install_sandbox
from connectors.errors import InvalidTemplate
from connectors.models import ProviderAccount, Template, TemplateVersion
from tests.connectors.builders import NOW, TEXT, a_template

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("${name}，有会员价。", {"name": {}}),
        ("${name}${gift}。拒收请回复R", {"name": {}, "gift": {}}),
        ("${name}和${name}。拒收请回复R", {"name": {}}),
        ("${name}。拒收请回复R", {}),
        ("你好。拒收请回复R", {"name": {}}),
        ("${}。拒收请回复R", {}),
        ("${a.b}。拒收请回复R", {"a": {}}),
        ("${7*7}。拒收请回复R", {}),
        ("${name。拒收请回复R", {}),
        ("${name}。拒收请回复R", {"name": {"fact": "shoe_size"}}),
    ],
)
def test_a_text_that_a_provider_would_refuse_is_refused_here(text, variables):
    with pytest.raises(InvalidTemplate):
        render.check(text, variables, purpose="marketing")


def test_a_value_comes_from_the_wish_else_the_member_else_the_default():
    variables = {"name": {"fact": "name", "default": "会员"}}

    assert render.values(variables, {"name": "甲"}, {"name": "乙"}, longest=35) == {"name": "甲"}
    assert render.values(variables, {}, {"name": "乙"}, longest=35) == {"name": "乙"}
    assert render.values(variables, {}, {"name": None}, longest=35) == {"name": "会员"}
    with pytest.raises(render.Unrenderable, match="missing_var"):
        render.values({"name": {}}, {}, {"name": "乙"}, longest=35)


@pytest.mark.parametrize("value", ["{{7*7}}", "${x}", "%n", "{m.__class__}", "𠮷野"])
def test_a_value_is_inert(value):
    params = render.values({"name": {}}, {"name": value}, {}, longest=35)

    assert render.fill("${name}。", params) == f"{value}。"


@pytest.mark.django_db
def test_a_version_is_new_only_when_something_differs():
    a_template()
    a_template()
    assert TemplateVersion.objects.count() == 1

    a_template(text="${name}，换季了。拒收请回复R")

    assert list(TemplateVersion.objects.order_by("number").values_list("number", "text")) == [
        (1, TEXT),
        (2, "${name}，换季了。拒收请回复R"),
    ]
    assert Template.objects.get().live.number == 2
    assert AuditRow.objects.filter(action="template.publish").count() == 2


@pytest.mark.django_db
def test_the_sandbox_is_installed_once_and_its_texts_are_fit_to_send():
    first = install_sandbox("http://127.0.0.1:1", "http://here", now=NOW)
    again = install_sandbox("http://127.0.0.1:2", "http://here", now=NOW)

    assert first == again
    assert first.startswith("http://here/api/v1/callbacks/aliyun_sms/aliyun-sandbox/")
    account = ProviderAccount.objects.get()
    assert (account.base_url, account.sandbox, account.enabled) == ("http://127.0.0.1:2", True, True)
    assert b"sandbox-secret" not in bytes(account.secrets)
    assert set(Template.objects.values_list("key", flat=True)) == {key for key, *_rest in TEXTS}
    assert {key for key, *_rest in TEXTS} == {"win-back", "critical-points", "top-care"}


@pytest.mark.parametrize(
    ("quiet", "at", "allowed"),
    [
        (("20:00", "09:00"), "12:00", "12:00"),
        (("20:00", "09:00"), "19:59", "19:59"),
        (("20:00", "09:00"), "20:00", "+1 09:00"),
        (("20:00", "09:00"), "08:59", "09:00"),
        (("20:00", "09:00"), "09:00", "09:00"),
        (("00:00", "08:00"), "07:00", "08:00"),
        (("00:00", "08:00"), "23:59", "23:59"),
    ],
)
def test_quiet_hours_cross_midnight_right(quiet, at, allowed):
    def instant(text):
        day, _, clock = text.rpartition(" ")
        return datetime.fromisoformat(f"2017-10-0{2 if day else 1} {clock}").replace(tzinfo=SHANGHAI).astimezone(UTC)

    assert terms.read({"quiet": quiet}).allowed_from(instant(at), SHANGHAI) == instant(allowed)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"quiet": ["8", "9", "10"]}, "quiet"),
        ({"quiet": ["25:00", "09:00"]}, "quiet"),
        ({"quiet": ["09:00", "09:00"]}, "quiet"),
        ({"timeout": 30, "lease": 60}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"price_fen": -1}, "price_fen"),
        ({"query_lag": 0}, "query_lag"),
    ],
)
def test_wrong_terms_name_the_setting(settings, named):
    with pytest.raises(ValueError, match=named):
        terms.read(settings)
