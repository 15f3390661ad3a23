"""Rules by hand, as the back ends are given them."""

from __future__ import annotations

from automation.realtime import terms
from automation.realtime.terms import Comparison, Fact, Prepared, Term


def yes(*names: str) -> list[Term]:
    return [Comparison(name, "=", 1) for name in names]


def names(letter: str, count: int) -> list[str]:
    return [f"{letter}{n}" for n in range(count)]


def any_of(*names: str) -> Term:
    return terms.either(yes(*names))


def all_of(*parts: Term) -> Term:
    return terms.both(parts)


def rule(term: Term, place: int = 0, kind: int = 0) -> Prepared:
    return Prepared(place, kind, term)


def fact(*names: str, kind: int = 0) -> Fact:
    return Fact(kind, dict.fromkeys(names, 1))
