"""Why a member fulfils a condition or does not: each part with its truth and what the member has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdp.conditions import explain
from cdp.models import Consent
from tests.builders import a_consent, a_member, absorbed, an_order

NOW = datetime(2017, 10, 1, 4, tzinfo=UTC)


@pytest.fixture
def member(db):
    member = a_member(name="王芳")
    an_order(member, NOW - timedelta(days=9), 1000)
    an_order(member, NOW - timedelta(days=2), 2550)
    absorbed(now=NOW)
    return member


def test_each_part_has_its_truth_and_what_the_member_has(member):
    tree = explain(
        {
            "all": [
                {"field": "orders", "op": ">=", "value": 2},
                {"not": {"did": "order", "within": "P7D", "sum": {"of": "amount", "op": ">", "value": 1000}}},
                {"field": "city", "op": "!=", "value": "北京"},
            ]
        },
        member,
        as_of=NOW,
    )

    orders, negation, city = tree.inner
    [bought] = negation.inner
    assert [tree.holds, orders.holds, negation.holds, bought.holds, city.holds] == [False, True, False, True, False]
    assert [one.path for one in (tree, orders, negation, bought)] == ["", "all[0]", "all[1]", "all[1].not"]
    assert orders.actual.value == 2
    assert bought.actual.value == {"count": 1, "sum": 2550}
    assert (bought.actual.text.zh, bought.actual.text.en) == ("1 次，合计 ¥25.50", "1 time, in all ¥25.50")
    assert (city.actual.value, city.actual.text.zh) == (None, "未知")
    assert city.sentence.zh == "城市已知且不为北京"
    assert [orders.historical, bought.historical, city.historical, tree.historical] == [True, True, False, False]


def test_whoever_refuses_to_be_judged_is_neither_and_does_not_match(member):
    a_consent(member, "any", "withdrawn", purpose="profiling", said=NOW)

    tree = explain({"not": {"field": "orders", "op": ">=", "value": 2}}, member, as_of=NOW)

    assert (tree.holds, tree.inner[0].holds, tree.inner[0].actual.text.zh) == (None, None, "不作画像")


def test_a_consent_and_a_tag_say_what_is_there(member):
    Consent.objects.create(member_id=member, channel="any", purpose="marketing", state="granted", at=NOW)

    tree = explain(
        {"any": [{"consent": {"channel": "sms", "purpose": "marketing"}}, {"tag": "identity:vip"}]}, member, as_of=NOW
    )

    consent, tag = tree.inner
    assert (consent.holds, consent.actual.value) == (True, {"sms": None, "any": "granted"})
    assert (tag.holds, tag.actual.value) == (False, False)


def test_a_condition_of_an_event_shows_what_the_event_says(member):
    tree = explain({"event": "price", "op": "<", "value": 9.5}, member, as_of=NOW, event={"price": 9.4})

    assert (tree.holds, tree.actual.value) == (True, 9.4)
