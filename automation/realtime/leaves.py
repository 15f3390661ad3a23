"""Conditions as rules over scalar facts, and the facts: what the rules ask is found out for all members at hand in one statement.

A field with one value is handed over as its place among the values that the rules compare it with: 2n+1 for the n-th of them,
an even number for what lies between. So money, decimals, floats, instants and texts are compared exactly, as small whole
numbers, and nothing of a member enters the rule engine. What is not known is said to lie below all places (`-`) or above them
(`+`) where a comparison is turned round, so that `not` needs no alternatives. Everything else (windows, tags, consents, lists,
texts that contain others) is a flag, asked in SQL as the set engine asks it.

What may be unknown under `not` too (whoever refuses to be judged) is in no fact, and fulfils nothing either way round.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper

from automation.realtime import terms
from automation.realtime.terms import Comparison, Prepared, Term
from cdp.conditions import sql
from cdp.conditions.tree import All, AnyOf, Compare, Node, Not
from cdp.conditions.vocabulary import Field
from cdp.models import Member
from cdp.profiling import not_judged

ORDERED = {"=": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "before": "<", "after": ">", "is": "="}
TURNED = {"=": "!=", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}
PLACED = (*ORDERED, "between", "in", "not_in", "is_set", "is_not_set")
FEW = 16  # values of a list that are compared one by one; a longer list is a flag
UNKNOWN = -1
YES, NO = 1, 0


@dataclass(frozen=True)
class Rule:
    key: str
    priority: int  # the higher number comes first, then the key
    kind: str  # of the fact that it answers: an event's type, "order" or "refund"
    condition: Node


@dataclass
class Asked:
    """A field, and the values that the rules compare it with."""

    of: Field
    property: str
    values: list[Any] = field(default_factory=list)
    as_floats: list[float] = field(default_factory=list)

    def settle(self) -> None:
        self.values = sorted(set(self.values))
        numbers = all(isinstance(value, int | Decimal) for value in self.values)
        self.as_floats = [float(value) for value in self.values] if numbers else []

    def place(self, value: Any) -> int:
        """A float meets floats, as in SQL; written numbers of up to 15 digits stay apart as floats."""
        known = self.as_floats if isinstance(value, float) else self.values
        n = bisect_left(known, value)
        return 2 * n + 1 if n < len(known) and known[n] == value else 2 * n

    def facts(self, value: Any) -> dict[str, int]:
        above = 2 * len(self.values) + 1
        if value is None:
            return {f"{self.property}-": UNKNOWN, f"{self.property}+": above}
        at = self.place(value) if self.values else 0
        return dict.fromkeys((self.property, f"{self.property}-", f"{self.property}+"), at)


class Leaves:
    """What a set of rules asks, each thing once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = sorted(rules, key=lambda rule: (-rule.priority, rule.key))
        self.kinds = {kind: n for n, kind in enumerate(sorted({rule.kind for rule in rules}))}
        self._fields: dict[str, Asked] = {}
        self._flags: dict[
            Node, str
        ] = {}  # a leaf, or the complement of one, and the property that says whether it holds
        for rule in self.rules:
            self._gather(rule.condition)
        for asked in self._fields.values():
            asked.settle()
        self.prepared = [
            Prepared(place, self.kinds[rule.kind], self._term(rule.condition, True))
            for place, rule in enumerate(self.rules)
        ]

    def answers(self, members: Iterable[int], *, as_of: datetime) -> dict[int, dict[str, int]]:
        """Member -> the scalars that the rules ask for; nothing of members that there are not. One statement."""
        columns = self._columns(as_of)
        rows = Member.objects.filter(pk__in=list(members), merged_into=None).annotate(**columns).values("pk", *columns)
        return {row["pk"]: self._scalars(row) for row in rows}

    def _columns(self, as_of: datetime) -> dict[str, Any]:
        columns: dict[str, Any] = {name: _true(sql.compile(node, as_of=as_of)) for node, name in self._flags.items()}
        for asked in self._fields.values():
            value = asked.of.expression(as_of)
            columns[asked.property] = sql.Nfkc(value) if asked.of.type == "text" else value
        if any(asked.of.judges for asked in self._fields.values()):
            columns["unjudged"] = _true(not_judged())
        return columns

    def _scalars(self, row: dict[str, Any]) -> dict[str, int]:
        found = {name: YES if row[name] else NO for name in self._flags.values()}
        for asked in self._fields.values():
            if not (asked.of.judges and row["unjudged"]):
                found |= asked.facts(row[asked.property])
        return found

    def _gather(self, node: Node) -> None:
        match node:
            case All(inner) | AnyOf(inner):
                for item in inner:
                    self._gather(item)
            case Not(inner):
                self._gather(inner)
            case Compare() if _placed(node):
                asked = self._fields.setdefault(node.field, Asked(node.of, f"p{len(self._fields)}"))
                asked.values += _values(node)

    def _term(self, node: Node, truth: bool) -> Term:
        """`not` is taken down to the leaves, each of which has a complement."""
        match node:
            case Not(inner):
                return self._term(inner, not truth)
            case All(inner) | AnyOf(inner):
                parts = [self._term(item, truth) for item in inner]
                return terms.both(parts) if isinstance(node, All) == truth else terms.either(parts)
            case Compare() if _placed(node):
                return _holds(node, self._fields[node.field]) if truth else _fails(node, self._fields[node.field])
        name = self._flags.setdefault(node if truth else Not(node), f"f{len(self._flags)}")
        return Comparison(name, "=", YES)


def _true(asked: Any) -> ExpressionWrapper:
    return ExpressionWrapper(asked, output_field=BooleanField())


def _placed(node: Compare) -> bool:
    return node.op in PLACED and not (node.op in ("in", "not_in") and len(set(node.value)) > FEW)


def _values(node: Compare) -> list[Any]:
    if node.op in ("is_set", "is_not_set"):
        return []
    return list(node.value) if isinstance(node.value, tuple) else [node.value]


def _holds(node: Compare, asked: Asked) -> Term:
    """The value is known and fulfils the comparison."""
    name, at = asked.property, [asked.place(value) for value in _values(node)]
    match node.op:
        case "is_set":
            return Comparison(f"{name}-", ">", UNKNOWN)
        case "is_not_set":
            return Comparison(f"{name}-", "=", UNKNOWN)
        case "between":
            return terms.both([Comparison(name, ">=", at[0]), Comparison(name, "<=", at[1])])
        case "in":
            return terms.either([Comparison(name, "=", one) for one in sorted(set(at))], apart=True)
        case "not_in":
            return terms.both([Comparison(name, "!=", one) for one in sorted(set(at))])
    return Comparison(name, ORDERED[node.op], at[0])


def _fails(node: Compare, asked: Asked) -> Term:
    """The complement: the value is not known, or known and does not fulfil it."""
    name, at = asked.property, [asked.place(value) for value in _values(node)]
    absent = Comparison(f"{name}-", "=", UNKNOWN)
    match node.op:
        case "is_set":
            return absent
        case "is_not_set":
            return Comparison(f"{name}-", ">", UNKNOWN)
        case "between":
            return terms.either([Comparison(f"{name}-", "<", at[0]), Comparison(f"{name}+", ">", at[1])])
        case "in":
            return terms.both([Comparison(f"{name}-", "!=", one) for one in sorted(set(at))])
        case "not_in" | "!=":
            return terms.either([absent, *(Comparison(name, "=", one) for one in sorted(set(at)))], apart=True)
    op = TURNED[ORDERED[node.op]]
    return Comparison(f"{name}+" if op in (">", ">=") else f"{name}-", op, at[0])
