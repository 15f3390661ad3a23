"""Rules in, keys out: in the order of their priority, from one statement for all members, by a network that is built once."""

from __future__ import annotations

import pytest

from automation.realtime import durable
from automation.realtime.matcher import Happened, Rule, compile
from cdp.conditions import parse
from tests.automation.builders import NOW, members

pytestmark = pytest.mark.django_db
LI = {"field": "name", "op": "=", "value": "李"}
WIDE = {
    "any": [{"field": "name", "op": "contains", "value": f"{n}"} for n in range(70)]
}  # more than the library carries


def rules(*conditions, kind="browse"):
    return [Rule(f"r{n}", priority, kind, parse(tree)) for n, (priority, tree) in enumerate(conditions)]


def answers(matcher, happened):
    return [fact and matcher.match(fact) for fact in matcher.facts(happened, as_of=NOW)]


def test_the_higher_priority_comes_first_and_then_the_key():
    (li,) = members(1, "李")
    matcher = compile(rules((10, LI), (90, LI), (50, LI), (90, LI)))

    assert answers(matcher, [Happened("browse", li)]) == [["r1", "r3", "r2", "r0"]]


def test_a_rule_that_the_library_does_not_carry_is_answered_in_its_place():
    (li,) = members(1, "李 33")
    matcher = compile(rules((10, {"not": LI}), (90, WIDE), (95, {"not": LI})))

    assert answers(matcher, [Happened("browse", li)]) == [["r2", "r1", "r0"]]


def test_all_facts_of_all_members_are_one_statement(django_assert_num_queries):
    made = members(20, "李")
    matcher = compile(
        rules((1, LI), (2, {"did": "order", "within": "P30D"}), (3, {"not": {"tag": "identity:vip"}}), (4, {"not": LI}))
    )

    with django_assert_num_queries(2):  # the other is the brand's zone
        found = answers(matcher, [Happened("browse", member) for member in made])

    assert found == [["r2", "r0"]] * 20


def test_a_kind_that_no_rule_asks_for_and_a_member_that_there_is_not_fulfil_nothing(django_assert_num_queries):
    (li,) = members(1, "李")
    matcher = compile(rules((1, LI)))

    with django_assert_num_queries(0):
        assert answers(matcher, [Happened("login", li)]) == [None]
    assert answers(matcher, [Happened("browse", li + 1)]) == [None]


def test_the_same_rules_again_are_the_same_network(monkeypatch):
    built = []
    real = durable.library.create_ruleset
    monkeypatch.setattr(durable.library, "create_ruleset", lambda *given: built.append(1) or real(*given))
    (li,) = members(1, "李")
    for wanted in ("李", "李", "王", "王"):
        matcher = compile(rules((1, LI | {"value": wanted}), (2, {"did": "order"})))
        assert answers(matcher, [Happened("browse", li)]) == [["r0"] if wanted == "李" else []]
    assert sum(built) == 1  # what the rules are compared with is no part of the network

    assert answers(compile(rules((1, {"not": LI}))), [Happened("browse", li)]) == [[]]
    assert sum(built) == 2
