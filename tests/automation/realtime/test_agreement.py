"""Four ways to ask the same: durable_rules, closures, the set engine, the plain reading. On drawn rules and drawn members."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.realtime import limits
from automation.realtime.closures import Closures
from automation.realtime.durable import Durable
from automation.realtime.leaves import Leaves, Rule
from automation.realtime.terms import Fact
from cdp.conditions import matching, parse
from tests.cdp.test_conditions import AS_OF, TREE, as_read, holds, shop

__all__ = ["shop"]
RULES = st.lists(st.tuples(TREE, st.integers(0, 3), st.sampled_from(["browse", "加购"])), min_size=1, max_size=12)


def agree(shop, drawn):
    rules = [Rule(f"r{n}", priority, kind, parse(tree)) for n, (tree, priority, kind) in enumerate(drawn)]
    leaves = Leaves(rules)
    fit = [one for one in leaves.prepared if not limits.breaches(one)]
    engines = Durable(fit), Closures(fit)
    answers = leaves.answers(shop, as_of=AS_OF)
    asked = {pk: as_read(member) for pk, member in shop.items()}
    for kind, n in leaves.kinds.items():
        ours = [(one.place, leaves.rules[one.place]) for one in fit if one.kind == n]
        by_sql = {p: set(matching(r.condition, as_of=AS_OF).values_list("pk", flat=True)) for p, r in ours}
        for pk, member in asked.items():
            expected = [place for place, rule in ours if holds(rule.condition, member)]
            assert [place for place, _rule in ours if pk in by_sql[place]] == expected
            for engine in engines:
                assert engine.match(Fact(n, answers[pk])) == expected, (engine, kind)
    engines[0].close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=RULES)
def test_all_engines_give_the_same_rules_in_the_same_order(shop, drawn):
    agree(shop, drawn)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=RULES)
def test_all_engines_agree_on_thousands_of_rules(shop, drawn):
    agree(shop, drawn)
