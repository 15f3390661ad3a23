"""Conditions as rules over scalar facts, and the facts: what the rules ask is found out for all members at hand in one statement.

A field with one value is handed over as its place among the values that the rules compare it with: 2n+1 for the n-th of them,
an even number for what lies between. So money, decimals, floats, instants and texts are compared exactly, as small whole
numbers, and nothing of a member enters the rule engine. So are the properties of the event that asks. What is not known is said
to lie below all places (`-`) or above them (`+`) where a comparison is turned round, so that `not` needs no alternatives.
Everything else (windows, tags, consents, lists, texts that contain others) is a flag: of the member asked in SQL as the set
engine asks it, of the event read plainly.

What may be unknown under `not` too (whoever refuses to be judged) is in no fact, and fulfils nothing either way round.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as kept
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper

from automation.realtime import terms
from automation.realtime.terms import Comparison, Prepared, Term
from cdp.conditions import plain, sql
from cdp.conditions.plain import Known
from cdp.conditions.tree import All, AnyOf, Compare, Node, Not, OfEvent, Typed, leaves
from cdp.conditions.vocabulary import Field
from cdp.models import Member
from cdp.profiling import not_judged
from config.ground import clock

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
    """A field, or a property of the event, and the values that the rules compare it with."""

    first: Compare | OfEvent  # one of the nodes that ask for it
    name: str  # the property of facts that holds its place
    values: list[Any] = kept(default_factory=list)
    as_floats: list[float] = kept(default_factory=list)

    @property
    def of(self) -> Typed:
        return self.first.of

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
            return {f"{self.name}-": UNKNOWN, f"{self.name}+": above}
        at = self.place(value) if self.values else 0
        return dict.fromkeys((self.name, f"{self.name}-", f"{self.name}+"), at)


class Leaves:
    """What a set of rules asks, each thing once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = sorted(rules, key=lambda rule: (-rule.priority, rule.key))
        self.kinds = {kind: n for n, kind in enumerate(sorted({rule.kind for rule in rules}))}
        self._asked: dict[tuple[str, ...], Asked] = {}
        self._flags: dict[
            Node, str
        ] = {}  # a leaf, or the complement of one, and the property that says whether it holds
        for rule in self.rules:
            self._gather(rule.condition)
        for asked in self._asked.values():
            asked.settle()
        self.prepared = [
            Prepared(place, self.kinds[rule.kind], self._term(rule.condition, True))
            for place, rule in enumerate(self.rules)
        ]

    @property
    def kinds_asked(self) -> set[str]:
        """Of the kinds of facts those whose own properties are asked for."""
        return {rule.kind for rule in self.rules if any(isinstance(leaf, OfEvent) for leaf in leaves(rule.condition))}

    def answers(self, members: Iterable[int], *, as_of: datetime) -> dict[int, dict[str, int]]:
        """Member -> the scalars that the rules ask of it; nothing of members that there are not. One statement."""
        columns = self._columns(as_of)
        rows = Member.objects.filter(pk__in=list(members), merged_into=None).annotate(**columns).values("pk", *columns)
        return {row["pk"]: self._scalars(row) for row in rows}

    def of_event(self, properties: Mapping[str, Any], *, as_of: datetime) -> dict[str, int]:
        """The scalars that the rules ask of an event."""
        known = Known(as_of, clock.zone(), event=properties)
        found = {name: YES if plain.holds(node, known) else NO for node, name in self._flags_of(event=True)}
        for asked in self._asked.values():
            if isinstance(asked.first, OfEvent):
                found |= asked.facts(plain.actual(asked.first, known))
        return found

    def _columns(self, as_of: datetime) -> dict[str, Any]:
        columns: dict[str, Any] = {name: _true(sql.compile(node, as_of=as_of)) for node, name in self._flags_of()}
        for asked, field in self._fields():
            value = field.expression(as_of)
            columns[asked.name] = sql.Nfkc(value) if field.type == "text" else value
        if any(field.judges for _asked, field in self._fields()):
            columns["unjudged"] = _true(not_judged())
        return columns

    def _scalars(self, row: dict[str, Any]) -> dict[str, int]:
        found = {name: YES if row[name] else NO for _node, name in self._flags_of()}
        for asked, field in self._fields():
            if not (field.judges and row["unjudged"]):
                found |= asked.facts(row[asked.name])
        return found

    def _fields(self) -> Iterator[tuple[Asked, Field]]:
        return ((asked, asked.of) for asked in self._asked.values() if isinstance(asked.of, Field))

    def _flags_of(self, *, event: bool = False) -> Iterator[tuple[Node, str]]:
        for node, name in self._flags.items():
            if event == isinstance(node.inner if isinstance(node, Not) else node, OfEvent):
                yield node, name

    def _gather(self, node: Node) -> None:
        match node:
            case All(inner) | AnyOf(inner):
                for item in inner:
                    self._gather(item)
            case Not(inner):
                self._gather(inner)
            case Compare() | OfEvent() if _placed(node):
                asked = self._asked.setdefault(_key(node), Asked(node, f"p{len(self._asked)}"))
                asked.values += _values(node)

    def _term(self, node: Node, truth: bool) -> Term:
        """`not` is taken down to the leaves, each of which has a complement."""
        match node:
            case Not(inner):
                return self._term(inner, not truth)
            case All(inner) | AnyOf(inner):
                parts = [self._term(item, truth) for item in inner]
                return terms.both(parts) if isinstance(node, All) == truth else terms.either(parts)
            case Compare() | OfEvent() if _placed(node):
                asked = self._asked[_key(node)]
                return _holds(node, asked) if truth else _fails(node, asked)
        name = self._flags.setdefault(node if truth else Not(node), f"f{len(self._flags)}")
        return Comparison(name, "=", YES)


def _true(asked: Any) -> ExpressionWrapper:
    return ExpressionWrapper(asked, output_field=BooleanField())


def _key(node: Compare | OfEvent) -> tuple[str, ...]:
    """A property of an event is another thing when it is asked as another type."""
    return (node.field,) if isinstance(node, Compare) else (node.field, node.of.type)


def _placed(node: Compare | OfEvent) -> bool:
    return node.op in PLACED and not (node.op in ("in", "not_in") and len(set(node.value)) > FEW)


def _values(node: Compare | OfEvent) -> list[Any]:
    if node.op in ("is_set", "is_not_set"):
        return []
    return list(node.value) if isinstance(node.value, tuple) else [node.value]


def _holds(node: Compare | OfEvent, asked: Asked) -> Term:
    """The value is known and fulfils the comparison."""
    name, at = asked.name, [asked.place(value) for value in _values(node)]
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


def _fails(node: Compare | OfEvent, asked: Asked) -> Term:
    """The complement: the value is not known, or known and does not fulfil it."""
    name, at = asked.name, [asked.place(value) for value in _values(node)]
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
