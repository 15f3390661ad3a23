"""What both back ends are given: rules over scalar facts. No Django here: the trial's subprocess reads it too.

A fact holds small whole numbers only, and no property whose value is not known. What a rule says is true where its test is;
there is no `not`, so a test of a property that is not there is false, and that is all that unknown means here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Protocol

COMPARES = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True)
class Comparison:
    property: str
    op: str  # a key of COMPARES
    value: int

    def holds(self, value: int) -> bool:
        return bool(COMPARES[self.op](value, self.value))


@dataclass(frozen=True)
class Both:
    """Every one holds; none of them is a Both."""

    inner: tuple[Term, ...]


@dataclass(frozen=True)
class Either:
    """At least one holds; none of them is an Either. `apart`: never two of them at once."""

    inner: tuple[Term, ...]
    apart: bool = False


Term = Comparison | Both | Either


@dataclass(frozen=True)
class Prepared:
    """A rule as the back ends know it. Its place is its priority: the first one comes first."""

    place: int
    kind: int
    term: Term


@dataclass(frozen=True)
class Fact:
    kind: int
    values: Mapping[str, int]


class Engine(Protocol):
    def match(self, fact: Fact) -> list[int]:
        """The places of the rules that hold, in their order."""
        ...


def both(terms: Sequence[Term]) -> Term:
    return _group(Both, terms)


def either(terms: Sequence[Term], *, apart: bool = False) -> Term:
    """`apart` is given up where a member of the group is itself a group of alternatives: then paths are counted."""
    flat = [part for term in terms for part in (term.inner if isinstance(term, Either) else (term,))]
    return flat[0] if len(flat) == 1 else Either(tuple(flat), apart and len(flat) == len(terms))


def _group(kind: type[Both], terms: Sequence[Term]) -> Term:
    flat = [part for term in terms for part in (term.inner if isinstance(term, kind) else (term,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def comparisons(term: Term) -> Iterator[Comparison]:
    if isinstance(term, Comparison):
        yield term
    else:
        for part in term.inner:
            yield from comparisons(part)


def to_json(term: Term) -> Any:
    match term:
        case Comparison(property, op, value):
            return [property, op, value]
        case Both(inner):
            return {"both": [to_json(part) for part in inner]}
        case Either(inner):
            return {"either": [to_json(part) for part in inner]}


def from_json(raw: Any) -> Term:
    if isinstance(raw, list):
        return Comparison(*raw)
    if "both" in raw:
        return Both(tuple(from_json(part) for part in raw["both"]))
    return Either(tuple(from_json(part) for part in raw["either"]))
