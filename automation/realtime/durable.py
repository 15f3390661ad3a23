"""durable_rules, the sound part of it: conditions on one fact, one session, assert, drain, retract. Nobody else imports it.

Whatever is given to it has passed `limits`: beyond them the library errs, hangs or ends the process. Its names and values are
numbers of ours, never a member's or a manager's text. It fires a rule once for each way in which the rule holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from threading import Lock
from typing import Any

import durable_rules_engine as library

from automation.realtime import limits
from automation.realtime.terms import Both, Comparison, Either, Fact, Prepared, Term

OPERATORS = {"!=": "$neq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
SESSION = "w"
KIND = "t"
LAST = -1  # the kind of the fact that ends a session
UNHANDLED = 1

_lock = Lock()  # the library knows no threads


def _unlock() -> None:
    global _lock
    _lock = Lock()


os.register_at_fork(after_in_child=_unlock)


class Broken(Exception):
    """The library failed on a fact; its network has been thrown away."""


class Durable:
    """Built at the first fact, anew in each process. Raises Broken; the next fact then finds a new network."""

    def __init__(self, rules: Sequence[Prepared]) -> None:
        self._shards = [_Shard(rules) for rules in limits.shards(rules)]

    def match(self, fact: Fact) -> list[int]:
        with _lock:
            return sorted({place for shard in self._shards for place in shard.fired(fact)})

    def close(self) -> None:
        with _lock:
            for shard in self._shards:
                shard.close()


_latest: tuple[str, Durable] | None = None


def latest(fingerprint: str, rules: Sequence[Prepared]) -> Durable:
    """The network of these rules; it is kept until another set of rules is asked for."""
    global _latest
    if _latest is None or _latest[0] != fingerprint:
        if _latest:
            _latest[1].close()
        _latest = fingerprint, Durable(rules)
    return _latest[1]


class _Shard:
    def __init__(self, rules: Sequence[Prepared]) -> None:
        self._rules = {f"r{rule.place}": _rule(rule) for rule in rules} | {"end": {"all": [{"m": {KIND: LAST}}]}}
        self._kinds = {rule.kind for rule in rules}
        self._properties = limits.properties(rules)
        self._handle: int | None = None
        self._process = 0
        self._number = 0

    def fired(self, fact: Fact) -> set[int]:
        if fact.kind not in self._kinds:
            return set()
        known = {name: value for name, value in fact.values.items() if name in self._properties}
        return {int(name[1:]) for name in self._take({KIND: fact.kind} | known)}

    def close(self) -> None:
        """Its session goes with it; a session that never ran an action must not be deleted, so one is run."""
        if self._handle is not None and self._process == os.getpid():
            self._take({KIND: LAST})
            library.delete_state(self._handle, SESSION)
            library.delete_ruleset(self._handle)
        self._handle = None

    def _take(self, scalars: dict[str, int]) -> set[str]:
        try:
            return self._drain(self._network(), scalars)
        except Exception as error:
            self._handle = None  # as it is now, nothing of it can be trusted, not even its end
            raise Broken(type(error).__name__) from error

    def _network(self) -> int:
        if self._handle is None or self._process != os.getpid():
            self._handle, self._process = library.create_ruleset(f"w{id(self)}", json.dumps(self._rules)), os.getpid()
        return self._handle

    def _drain(self, handle: int, scalars: dict[str, int]) -> set[str]:
        self._number += 1
        text = json.dumps({"sid": SESSION, "id": f"{self._number}", **scalars})
        names: set[str] = set()
        answer, state = library.assert_fact(handle, text)
        if answer == UNHANDLED:
            return names  # nothing was kept of it
        if answer:
            raise RuntimeError(f"the fact was answered with {answer}")
        begun = library.start_action_for_state(handle, state)
        message = begun and begun[1]
        while message:
            names.update(json.loads(message))
            message = library.complete_and_start_action(handle, state)
        library.retract_fact(handle, text)
        return names


def _rule(rule: Prepared) -> dict[str, Any]:
    """Every rule begins with the kind."""
    term = rule.term.inner if isinstance(rule.term, Both) else (rule.term,)
    return {"pri": rule.place + 1, "all": [{"m": {"$and": [{KIND: rule.kind}, *map(_expression, term)]}}]}


def _expression(term: Term) -> dict[str, Any]:
    match term:
        case Comparison(property, "=", value):
            return {property: value}
        case Comparison(property, op, value):
            return {OPERATORS[op]: {property: value}}
        case Both(inner):
            return {"$and": [_expression(part) for part in inner]}
        case Either(inner):
            return {"$or": [_expression(part) for part in inner]}
