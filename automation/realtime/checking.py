"""Whether a new rule may join the live ones: within the limits, through a trial, and of one mind with the plain reading."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from automation.realtime import limits, trial
from automation.realtime.closures import Closures
from automation.realtime.leaves import Leaves, Rule
from automation.realtime.terms import Fact, Prepared, comparisons
from cdp import conditions
from cdp.errors import Fault
from cdp.models import Member

SAMPLE = 200  # members
DRAWN = 200  # facts made up around the values that the rules ask for


def faults(rule: Rule, beside: Sequence[Rule], *, path: str, now: datetime) -> list[Fault]:
    """Why the rule cannot join those beside it, in a manager's words; empty when it can."""
    (alone,) = Leaves([rule]).prepared
    if breaches := limits.breaches(alone):
        return [Fault(path, f"rule_{limit}", _too_many(limit, *figures)) for limit, figures in breaches.items()]
    leaves = Leaves([*beside, rule])
    kind = leaves.kinds[rule.kind]
    carried = [one for one in leaves.prepared if not limits.breaches(one)]
    members = _sample(leaves)
    answers = leaves.answers(members, as_of=now)
    facts = [Fact(kind, answer) for answer in answers.values()] + list(_drawn(carried, kind, leaves))
    try:
        answered = trial.fired(carried, facts)
    except trial.Hung:
        return [
            Fault(path, "rule_hangs", _("the rule engine does not answer with this condition; write it more simply"))
        ]
    except trial.Crashed:
        return [Fault(path, "rule_crashes", _("the rule engine breaks with this condition; write it more simply"))]
    plainly = Closures(carried)
    agreed = [plainly.match(fact) for fact in facts] == answered and _as_read(leaves, kind, answers, answered, now)
    return [] if agreed else [Fault(path, "rule_disagrees", _disagrees())]


def _too_many(limit: str, found: int, most: int) -> str:
    figures = {"found": found, "most": most}
    return {
        "at_once": _("%(found)s conditions of it can hold at once, the rule engine carries %(most)s") % figures,
        "alike": _("the same condition stands in it %(found)s times, the rule engine carries %(most)s") % figures,
        "distinct": _("it has %(found)s different conditions, the rule engine carries %(most)s") % figures,
        "properties": _("it asks %(found)s different things, the rule engine carries %(most)s") % figures,
        "groups": _("it has %(found)s groups, the rule engine carries %(most)s; join some") % figures,
        "ways": _("it can hold in %(found)s ways at once, the rule engine carries %(most)s; fewer alternatives")
        % figures,
    }[limit]


def _disagrees() -> str:
    return _("the rule engine does not read this condition as it is written; write it in another way")


def _sample(leaves: Leaves) -> list[int]:
    """The newest, and some from everywhere; the same for the same rules."""
    newest = list(Member.objects.order_by("-pk").values_list("pk", flat=True)[: SAMPLE // 4])
    if not newest:
        return []
    dice = random.Random(repr(leaves.prepared))
    return [*newest, *(dice.randint(1, newest[0]) for _n in range(SAMPLE))]


def _drawn(rules: Sequence[Prepared], kind: int, leaves: Leaves) -> Iterator[Fact]:
    """One that fulfils as much at once as can be, and others around every value that is asked for."""
    values: dict[str, list[int]] = {}
    asked = [test for rule in rules if rule.kind == kind for test in comparisons(rule.term)]
    for test in asked:
        values.setdefault(test.property, []).extend((test.value - 1, test.value, test.value + 1))
    most = {
        name: max(near, key=lambda value: sum(test.property == name and test.holds(value) for test in asked))
        for name, near in values.items()
    }
    yield Fact(kind, most)
    dice = random.Random(repr(leaves.prepared))
    for _n in range(DRAWN):
        yield Fact(kind, {name: dice.choice(near) for name, near in values.items() if dice.random() < 0.9})


def _as_read(
    leaves: Leaves, kind: int, answers: dict[int, dict[str, int]], answered: list[list[int]], now: datetime
) -> bool:
    """The sampled members whom the library names are those whom the conditions name."""
    for one in leaves.prepared:
        if one.kind == kind and not limits.breaches(one):
            condition = leaves.rules[one.place].condition
            named = conditions.matching(condition, as_of=now).filter(pk__in=list(answers))
            fired = {member for member, places in zip(answers, answered, strict=False) if one.place in places}
            if set(named.values_list("pk", flat=True)) != fired:
                return False
    return True
