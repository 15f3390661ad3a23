"""Whether a new rule may join the live ones: within the limits, through a trial, and of one mind with the plain reading."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from automation.realtime import limits, trial
from automation.realtime.closures import Closures
from automation.realtime.leaves import Leaves, Rule
from automation.realtime.properties import happened
from automation.realtime.terms import Fact, Prepared, comparisons
from cdp.conditions import events, plain
from cdp.conditions.known import known
from cdp.conditions.tree import All
from cdp.conditions.vocabulary import RECORDS
from cdp.errors import Fault
from cdp.feed import Heard
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
    told = _events(rule.kind, now) if rule.kind in leaves.kinds_asked else [{}]
    said = {member: told[n % len(told)] for n, member in enumerate(answers)}
    facts = [Fact(kind, answers[pk] | leaves.of_event(said[pk], as_of=now)) for pk in answers]
    facts += _drawn(carried, kind, leaves)
    try:
        answered = trial.fired(carried, facts, patience=trial.PATIENCE)
    except trial.Hung:
        return [
            Fault(path, "rule_hangs", _("the rule engine does not answer with this condition; write it more simply"))
        ]
    except trial.Crashed:
        return [Fault(path, "rule_crashes", _("the rule engine breaks with this condition; write it more simply"))]
    plainly = Closures(carried)
    agreed = [plainly.match(fact) for fact in facts] == answered and _as_read(leaves, kind, said, answered, now)
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


def _events(kind: str, now: datetime) -> list[dict[str, Any]]:
    """The newest of the kind, whoever's they are."""
    record = RECORDS.get(kind) if kind in RECORDS else events.of_type(kind)
    newest = record.rows().filter(**{f"{record.at}__lte": now}).order_by(f"-{record.at}")[:SAMPLE]
    heard = [Heard(kind, row.id, row.member_id or 0, getattr(row, record.at)) for row in newest]
    return [dict(one.properties) for one in happened(heard, [kind], as_of=now)] or [{}]


def _as_read(
    leaves: Leaves, kind: int, said: dict[int, dict[str, Any]], answered: list[list[int]], now: datetime
) -> bool:
    """Of the sampled members the rules that the library names are those whose conditions hold, read plainly."""
    ours = [(rule.place, leaves.rules[rule.place].condition) for rule in leaves.prepared if rule.kind == kind]
    read = known(list(said), as_of=now, of=All(tuple(condition for _place, condition in ours)))
    for (member, event), places in zip(said.items(), answered, strict=False):
        asked = replace(read[member], event=event)
        if places != [place for place, condition in ours if plain.holds(condition, asked)]:
            return False
    return True
