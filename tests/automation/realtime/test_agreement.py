"""Four ways to ask the same: durable_rules, closures, the set engine, the plain reading. On drawn rules and drawn members."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from automation.realtime import limits
from automation.realtime.closures import Closures
from automation.realtime.durable import Durable
from automation.realtime.leaves import Leaves, Rule
from automation.realtime.terms import Fact
from cdp.conditions import parse, validate
from cdp.conditions.known import known
from cdp.conditions.plain import holds
from cdp.conditions.sql import matching
from tests.parity.people import People
from tests.parity.trees import AS_OF, Trees

WORLDS = [(zone, as_of) for zone, instants in AS_OF.items() for as_of in instants]
KINDS = ["browse", "加购"]


class Drawn:
    """`differ` is every disagreement; `judged` how many answers were compared, `held` how many of them were yes."""

    def __init__(self, seed: int, zone: str, as_of, *, many: int) -> None:
        self.dice, self.as_of = random.Random(seed), as_of
        self.people = People(self.dice, as_of, zone, many)
        self.trees = Trees(self.dice, as_of)
        self.known = known(self.people.made, as_of=as_of)
        self.differ: list[object] = []
        self.judged = self.held = self.too_much = 0

    def rules(self, count: int) -> None:
        """So many together, asked about everybody with one event of each kind."""
        raw = {f"r{n}": self.tree() for n in range(count)}
        rules = [
            Rule(key, self.dice.randint(0, 3), self.dice.choice(KINDS), parse(tree, event=True))
            for key, tree in raw.items()
        ]
        leaves = Leaves(rules)
        fit = [one for one in leaves.prepared if not limits.breaches(one)]
        self.too_much += len(rules) - len(fit)
        durable, closures = Durable(fit), Closures(leaves.prepared)
        answers = leaves.answers(self.people.made, as_of=self.as_of)
        for kind in leaves.kinds:
            event = self.people.properties()
            of_event = leaves.of_event(event, as_of=self.as_of)
            ours = [(one.place, leaves.rules[one.place]) for one in leaves.prepared if one.kind == leaves.kinds[kind]]
            by_sql = {place: self.by_sql(rule, event) for place, rule in ours}
            for member, one in self.known.items():
                fact = Fact(leaves.kinds[kind], answers[member] | of_event)
                plainly = [place for place, rule in ours if holds(rule.condition, replace(one, event=event))]
                carried = [place for place in plainly if leaves.prepared[place] in fit]
                said = (closures.match(fact), [p for p, _rule in ours if member in by_sql[p]], durable.match(fact))
                self.judged += len(ours)
                self.held += len(plainly)
                if said != (plainly, plainly, carried):
                    self.differ.append((raw, kind, member, event, plainly, said))
        durable.close()

    def tree(self):
        while validate(drawn := self.trees.tree(self.dice.choice([1, 3, 6, 12]), event=True), event=True):
            pass  # too deep
        return drawn

    def by_sql(self, rule: Rule, event) -> set[int]:
        return set(matching(rule.condition, as_of=self.as_of, event=event).values_list("pk", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "as_of"), WORLDS, ids=[f"{zone} {at:%F %T}" for zone, at in WORLDS])
def test_all_engines_name_the_same_rules_in_the_same_order(zone, as_of):
    drawn = Drawn(1, zone, as_of, many=25)
    for _n in range(4):
        drawn.rules(10)

    assert drawn.differ == []
    assert 0.1 < drawn.held / drawn.judged < 0.9  # both answers are given, often
    assert drawn.too_much < 10


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(2, 12))
def test_all_engines_agree_on_thousands_of_rules(seed):
    drawn = Drawn(seed, *WORLDS[seed % len(WORLDS)], many=100)
    for _n in range(10):
        drawn.rules(50)

    assert drawn.differ == []
