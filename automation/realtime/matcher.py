"""Many rules, one fact: which of them hold, in the order of their priority. The same answer from either back end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from automation.realtime import durable, limits
from automation.realtime.closures import Closures
from automation.realtime.leaves import Leaves, Rule
from automation.realtime.terms import Engine, Fact, Prepared, to_json

__all__ = ["Happened", "Matcher", "Rule", "compile"]


@dataclass(frozen=True)
class Happened:
    """Something that a member did: an event's type, "order" or "refund", and what its own properties are."""

    kind: str
    member: int
    properties: Mapping[str, Any] = field(default_factory=dict)


class Matcher:
    """Raises durable.Broken from `match` when the library fails; `match_plainly` answers the same without it."""

    def __init__(self, leaves: Leaves) -> None:
        self.leaves = leaves
        carried = [rule for rule in leaves.prepared if not limits.breaches(rule)]
        rest = [rule for rule in leaves.prepared if limits.breaches(rule)]
        self.fingerprint = fingerprint(carried)
        self._durable: Engine = durable.latest(self.fingerprint, carried)
        self._rest: Engine = Closures(rest)
        self._plain: Engine = Closures(leaves.prepared)

    def facts(self, happened: Sequence[Happened], *, as_of: datetime) -> list[Fact | None]:
        """What the rules ask of each, from one statement; None where no rule can hold."""
        wanted = {one.member for one in happened if one.kind in self.leaves.kinds}
        known = self.leaves.answers(wanted, as_of=as_of) if wanted else {}
        return [self._fact(one, known[one.member], as_of) if one.member in known else None for one in happened]

    def _fact(self, one: Happened, known: dict[str, int], as_of: datetime) -> Fact | None:
        if one.kind not in self.leaves.kinds:
            return None
        asked = self.leaves.of_event(one.properties, as_of=as_of) if one.kind in self.leaves.kinds_asked else {}
        return Fact(self.leaves.kinds[one.kind], known | asked)

    def match(self, fact: Fact) -> list[str]:
        """Keys of the rules that hold, the highest priority first."""
        return self._keys(self._durable.match(fact) + self._rest.match(fact))

    def match_plainly(self, fact: Fact) -> list[str]:
        return self._keys(self._plain.match(fact))

    def _keys(self, places: list[int]) -> list[str]:
        return [self.leaves.rules[place].key for place in sorted(places)]


def compile(rules: Sequence[Rule]) -> Matcher:
    return Matcher(Leaves(rules))


def fingerprint(rules: Sequence[Prepared]) -> str:
    """Of a set of rules as the library is given it."""
    said = json.dumps([[rule.place, rule.kind, to_json(rule.term)] for rule in rules])
    return sha256(said.encode()).hexdigest()
