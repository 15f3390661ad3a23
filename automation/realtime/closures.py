"""The other back end: each rule as a Python function. It carries what durable_rules must not be given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from automation.realtime.terms import COMPARES, Both, Comparison, Either, Fact, Prepared, Term

Asks = Callable[[Mapping[str, int]], bool]


class Closures:
    def __init__(self, rules: Sequence[Prepared]) -> None:
        self._of: dict[int, list[tuple[int, Asks]]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: rule.place):
            self._of[rule.kind].append((rule.place, asks(rule.term)))

    def match(self, fact: Fact) -> list[int]:
        return [place for place, holds in self._of.get(fact.kind, ()) if holds(fact.values)]


def asks(term: Term) -> Asks:
    match term:
        case Comparison(property, op, wanted):
            compare = COMPARES[op]
            return lambda values: property in values and bool(compare(values[property], wanted))
        case Both(inner):
            every = tuple(asks(part) for part in inner)
            return lambda values: all(holds(values) for holds in every)
        case Either(inner):
            some = tuple(asks(part) for part in inner)
            return lambda values: any(holds(values) for holds in some)
