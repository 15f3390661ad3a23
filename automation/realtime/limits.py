"""What durable_rules can carry, known before it is asked: what is beyond these it answers with an error, a hang or a crash.

No Django here: the trial's subprocess reads it too. `breaches` says what one rule has too much of; rules that fit alone are
laid out in shards that fit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import prod

from automation.realtime.terms import Comparison, Either, Prepared, Term, comparisons

RULES = 40  # in a shard
AT_ONCE = 60  # conditions that one fact can fulfil at once; the library has room for 64, the kind is one of them
GROUPS = 14  # of alternatives or of parts; 15 fit besides the outermost, of 32 marks two each
WAYS = 64  # in which one rule can hold; it fires once for each
ALIKE = 100  # conditions in a shard that say the same; 129 alternatives crash it, and so do 256 rules
DISTINCT = 400  # conditions in a shard; with 513 under one parent it hangs
PROPERTIES = 240  # of a fact, beside its number, session and kind; 255 fit


def breaches(rule: Prepared) -> dict[str, tuple[int, int]]:
    """Limit -> (how many there are, how many there may be), of a rule by itself."""
    found = _figures([rule]) | {"groups": (groups(rule.term), GROUPS), "ways": (ways(rule.term), WAYS)}
    return {name: pair for name, pair in found.items() if pair[0] > pair[1]}


def shards(rules: Sequence[Prepared]) -> list[list[Prepared]]:
    """In order of priority, as many together as fit."""
    laid: list[list[Prepared]] = []
    for rule in sorted(rules, key=lambda rule: rule.place):
        if laid and _fits([*laid[-1], rule]):
            laid[-1].append(rule)
        else:
            laid.append([rule])
    return laid


def properties(rules: Sequence[Prepared]) -> set[str]:
    return {test.property for rule in rules for test in comparisons(rule.term)}


def groups(term: Term) -> int:
    return 0 if isinstance(term, Comparison) else 1 + sum(groups(part) for part in term.inner)


def ways(term: Term) -> int:
    """In how many ways it can hold at once."""
    if isinstance(term, Comparison):
        return 1
    inner = [ways(part) for part in term.inner]
    if isinstance(term, Either):
        return max(inner) if term.apart else sum(inner)
    return prod(inner)


def at_once(rules: Sequence[Prepared]) -> int:
    """The most conditions that a fact can fulfil at once: of each property, those that its most popular value fulfils."""
    by_kind: dict[int, list[Term]] = defaultdict(list)
    for rule in rules:
        by_kind[rule.kind].append(rule.term)
    return max(1 + _fulfilled(terms) for terms in by_kind.values())


def _fulfilled(terms: Sequence[Term]) -> int:
    by_property: dict[str, list[Comparison]] = defaultdict(list)
    for term in terms:
        for test in comparisons(term):
            by_property[test.property].append(test)
    joints = sum(
        _joints(term) for term in terms
    )  # where alternatives meet again, the library puts a condition of its own
    return joints + sum(_most(asked) for asked in by_property.values())


def _most(asked: Sequence[Comparison]) -> int:
    counted = Counter(asked)
    values = {test.value + step for test in counted for step in (-1, 0, 1)}
    return max(sum(n for test, n in counted.items() if test.holds(value)) for value in values)


def _joints(term: Term) -> int:
    return 0 if isinstance(term, Comparison) else isinstance(term, Either) + sum(_joints(part) for part in term.inner)


def _fits(rules: Sequence[Prepared]) -> bool:
    return len(rules) <= RULES and all(found <= most for found, most in _figures(rules).values())


def _figures(rules: Sequence[Prepared]) -> dict[str, tuple[int, int]]:
    said = Counter(test for rule in rules for test in comparisons(rule.term))
    return {
        "at_once": (at_once(rules), AT_ONCE),
        "alike": (max(said.values()), ALIKE),
        "distinct": (len(said), DISTINCT),
        "properties": (len(properties(rules)), PROPERTIES),
    }
