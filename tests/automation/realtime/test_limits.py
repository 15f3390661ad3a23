"""What the library carries, counted beforehand: at each limit it still answers, beyond it nothing is given to it."""

from __future__ import annotations

import pytest

from automation.realtime import limits, terms
from automation.realtime.durable import Durable
from automation.realtime.terms import Comparison, Fact
from tests.automation.realtime.terms import all_of, any_of, fact, names, rule, yes


def one_of(name, count):
    """Alternatives of which only one can hold."""
    return terms.either([Comparison(name, "=", n) for n in range(count)], apart=True)


def alike(count):
    """The same condition in so many alternatives, each with another beside it that excludes the others."""
    inner = [all_of(Comparison("b", "=", n), *yes("a")) for n in range(count)]
    return terms.either(inner, apart=True)


@pytest.mark.parametrize(
    ("inside", "beyond", "breach"),
    [
        (all_of(*yes(*names("a", 59))), all_of(*yes(*names("a", 60))), {"at_once": (61, 60)}),
        (any_of(*names("a", 58)), any_of(*names("a", 59)), {"at_once": (61, 60)}),
        (
            all_of(*(any_of(f"a{n}", f"b{n}") for n in range(6))),
            all_of(*(any_of(f"a{n}", f"b{n}") for n in range(7))),
            {"ways": (128, 64)},
        ),
        (
            all_of(*(one_of(f"a{n}", 2) for n in range(13))),
            all_of(*(one_of(f"a{n}", 2) for n in range(14))),
            {"groups": (15, 14)},
        ),
        (one_of("a", 400), one_of("a", 401), {"distinct": (401, 400)}),
    ],
    ids=["all at once", "any at once", "ways", "groups", "distinct"],
)  # fmt: skip
def test_inside_a_limit_the_library_answers_and_beyond_it_the_breach_is_named(inside, beyond, breach):
    everything = {test.property: 1 for test in terms.comparisons(inside)}

    assert limits.breaches(rule(inside)) == {}
    assert Durable([rule(inside)]).match(Fact(0, everything)) == [0]
    assert limits.breaches(rule(beyond)) == breach


def test_a_condition_that_is_said_again_and_again_is_counted():
    assert limits.breaches(rule(alike(101)))["alike"] == (101, 100)


def test_a_rule_that_asks_too_many_things_is_counted():
    wide = terms.either([Comparison(name, "=", 1) for name in names("a", 241)], apart=True)

    assert limits.breaches(rule(wide))["properties"] == (241, 240)


def test_values_that_exclude_each_other_are_not_counted_together():
    apart = [Comparison("a", "<", 3), Comparison("a", ">", 5), Comparison("a", "=", 4)]

    assert limits.at_once([rule(test, place) for place, test in enumerate(apart)]) == 2  # the kind, and one of them


def test_kinds_are_not_counted_together():
    rules = [rule(all_of(*yes(*names("a", 40))), place=kind, kind=kind) for kind in range(3)]

    assert limits.at_once(rules) == 41
    assert len(limits.shards(rules)) == 1


@pytest.mark.parametrize(
    ("rules", "laid"),
    [
        ([rule(*yes("a"), place=n) for n in range(41)], [40, 1]),
        ([rule(all_of(*yes(*names(f"x{n}y", 20))), place=n) for n in range(5)], [2, 2, 1]),
    ],
    ids=["too many rules", "too much at once"],
)  # fmt: skip
def test_rules_are_laid_in_shards_that_fit_in_their_order(rules, laid):
    shards = limits.shards(list(reversed(rules)))

    assert [len(shard) for shard in shards] == laid
    assert [one.place for shard in shards for one in shard] == list(range(len(rules)))


def test_the_fullest_shard_answers():
    rules = [rule(all_of(*yes("a", f"b{n}")), place=n) for n in range(29)]

    assert len(limits.shards(rules)) == 1
    assert Durable(rules).match(fact("a", *names("b", 29))) == list(range(29))
