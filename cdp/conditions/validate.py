"""JSON -> tree. All faults at once, each with its path and a sentence that a manager understands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from cdp import consents, tags
from cdp.conditions import events, vocabulary
from cdp.conditions.tree import (
    All,
    AnyOf,
    Bound,
    Compare,
    Consented,
    Did,
    InSegment,
    Node,
    Not,
    OfEvent,
    Sum,
    Tagged,
    Typed,
)
from cdp.conditions.values import Values
from cdp.conditions.vocabulary import FIELDS, OPERATORS, RECORDS, Field, Property, Record
from cdp.errors import Fault, InvalidCondition, InvalidTag
from cdp.models import Segment

DEPTH = 12  # deeper than this nobody reads, and the compilers recurse
PREDICATES = 200
NAME = 100  # of the name of a property
GROUPS = ("all", "any", "not")
PREDICATE_KEYS = ("field", "tag", "segment", "did", "received", "consent", "event")
MESSAGE = "message.received"  # the record of messages; a dot is in no type of an event but our own
RECEIVED = ("channel", "journey", "step", "status", "within")
BOUNDS = ("=", "!=", ">", ">=", "<", "<=")


def parse(raw: Any, path: str = "", *, event: bool = False) -> Node:
    """Raises InvalidCondition with every fault. `event`: there is an event whose properties may be asked for."""
    reader = _Reader(event=event)
    node = reader.node(raw, path, 1)
    if reader.predicates > PREDICATES:
        reader.fault(path, "too_many", _("at most %(n)s predicates") % {"n": PREDICATES})
    if reader.faults or node is None:
        raise InvalidCondition(reader.faults)
    return node


def validate(raw: Any, path: str = "", *, event: bool = False) -> list[Fault]:
    try:
        parse(raw, path, event=event)
    except InvalidCondition as error:
        return error.faults
    return []


class _Reader(Values):
    def __init__(self, *, event: bool) -> None:
        super().__init__()
        self.event = event
        self.predicates = 0

    @cached_property
    def fields(self) -> dict[str, Field]:
        return vocabulary.known()

    @cached_property
    def segments(self) -> dict[str, Segment]:
        return {segment.key: segment for segment in Segment.objects.only("key", "name", "name_en")}

    def field(self, name: Any) -> Field | None:
        """Those of the code cost nothing; only for others is the table of the declared ones read, once per condition."""
        if not isinstance(name, str):
            return None
        return FIELDS.get(name) if name in FIELDS else self.fields.get(name)

    def node(self, raw: Any, path: str, depth: int, record: Record | None = None) -> Node | None:
        """`record`: the condition is over the properties of its rows."""
        if depth > DEPTH:
            return self.fault(path, "too_deep", _("groups nest at most %(n)s deep") % {"n": DEPTH})
        if not isinstance(raw, dict):
            return self.fault(path, "wrong_type", _('a condition is an object, like {"field": …}'))
        known = (*GROUPS, "field") if record else (*GROUPS, *PREDICATE_KEYS)
        kinds = [key for key in known if key in raw]
        if len(kinds) != 1:
            message = _("a condition has exactly one of: %(known)s") % {"known": ", ".join(known)}
            return self.fault(path, "unknown_condition", message)
        if kinds[0] in GROUPS:
            return self._group(kinds[0], raw, path, depth, record)
        self.predicates += 1
        readers: dict[str, Callable[[dict[str, Any], str, int], Node | None]] = {
            "field": lambda raw, path, _depth: self._compare(raw, path, record),
            "tag": self._tag,
            "segment": self._segment,
            "did": self._did,
            "received": self._received,
            "consent": self._consent,
            "event": self._of_event,
        }
        return readers[kinds[0]](raw, path, depth)

    def _only(self, raw: dict[str, Any], keys: tuple[str, ...], path: str) -> None:
        for key in raw:
            if key not in keys:
                known = _("there is no such key; known: %(known)s") % {"known": ", ".join(keys)}
                self.fault(_join(path, str(key)), "unknown_key", known)

    def _group(self, kind: str, raw: dict[str, Any], path: str, depth: int, record: Record | None) -> Node | None:
        self._only(raw, (kind,), path)
        at = _join(path, kind)
        if kind == "not":
            inner = self.node(raw["not"], at, depth + 1, record)
            return Not(inner) if inner else None
        if not isinstance(raw[kind], list) or not raw[kind]:
            return self.fault(at, "empty_group", _("a group is a list with at least one condition"))
        nodes = [self.node(item, f"{at}[{n}]", depth + 1, record) for n, item in enumerate(raw[kind])]
        whole = tuple(node for node in nodes if node)
        return All(whole) if kind == "all" else AnyOf(whole)

    def _compare(self, raw: dict[str, Any], path: str, record: Record | None) -> Node | None:
        self._only(raw, ("field", "op", "value"), path)
        asked = self._property(raw, record) if record else self.field(raw["field"])
        if asked is None:
            names = record.properties if record else self.fields
            message = _("there is no such field; known: %(known)s") % {"known": ", ".join(sorted(names))}
            return self.fault(_join(path, "field"), "unknown_field", message)
        read = self._compared(raw, path, asked)
        return read and Compare(raw["field"], read[0], read[1], asked)

    def _property(self, raw: dict[str, Any], record: Record) -> Property | None:
        name = raw["field"]
        if isinstance(name, str) and name in record.properties:
            return record.properties[name]
        return events.property(name, events.fitting(raw)) if record.open and _is_name(name) else None

    def _of_event(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        """A property of the event that asks is of the type that it is compared with."""
        self._only(raw, ("event", "op", "value"), path)
        if not self.event:
            return self.fault(
                _join(path, "event"), "no_event", _("there is no event here whose properties could be asked")
            )
        if not _is_name(raw["event"]):
            return self.fault(_join(path, "event"), "wrong_type", _("the name of a property, of 1 to 100 characters"))
        asked = events.property(raw["event"], events.fitting(raw))
        read = self._compared(raw, path, asked)
        return read and OfEvent(raw["event"], read[0], read[1], asked)

    def _compared(self, raw: dict[str, Any], path: str, asked: Typed) -> tuple[str, Any] | None:
        """(operator, value)"""
        op = raw.get("op")
        if op not in asked.operators:
            known = " ".join(asked.operators)
            return self.fault(
                _join(path, "op"), "unknown_operator", _("this field knows: %(known)s") % {"known": known}
            )
        at = _join(path, "value")
        if op in ("is_set", "is_not_set"):
            if "value" in raw:
                self.fault(at, "unknown_key", _("this operator takes no value"))
            return op, None
        if "value" not in raw:
            return self.fault(at, "required", _("this operator needs a value"))
        value = self.value(asked, op, raw["value"], at)
        return None if value is None else (op, value)

    def _did(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        self._only(raw, ("did", "within", "from", "to", "count", "sum", "where"), path)
        before = len(self.faults)
        what = raw["did"]
        if not isinstance(what, str) or not 0 < len(what) <= 50 or "\0" in what:
            return self.fault(_join(path, "did"), "wrong_type", _('"order", "refund" or the type of an event'))
        record = RECORDS.get(what) if what in RECORDS else events.of_type(what)
        if "within" in raw and ("from" in raw or "to" in raw):
            self.fault(_join(path, "within"), "two_windows", _("give either within, or from and to"))
        within = self.duration(raw["within"], _join(path, "within")) if "within" in raw else None
        since, until = (self.instant(raw[k], _join(path, k)) if k in raw else None for k in ("from", "to"))
        if since and until and since >= until:
            self.fault(_join(path, "to"), "out_of_range", _("to is after from"))
        where = self.node(raw["where"], _join(path, "where"), depth + 1, record) if "where" in raw else None
        count = self._count(raw["count"], _join(path, "count")) if "count" in raw else None
        did = Did(what, within, since, until, count, None, where, of=record)
        if "sum" in raw:
            did = replace(did, sum=self._sum(raw["sum"], did, _join(path, "sum")))
        return did if len(self.faults) == before else None

    def _count(self, raw: Any, path: str) -> Bound | None:
        bound = self._bound(raw, ("op", "value"), path)
        if bound is None:
            return None
        value = self.number(bound[1], _join(path, "value"), whole=True)
        return None if value is None else Bound(bound[0], value)

    def _bound(self, raw: Any, keys: tuple[str, ...], path: str) -> tuple[str, Any] | None:
        if not isinstance(raw, dict):
            return self.fault(path, "wrong_type", _('an object like {"op": ">=", "value": 1}'))
        self._only(raw, keys, path)
        if raw.get("op") not in BOUNDS:
            message = _("this field knows: %(known)s") % {"known": " ".join(BOUNDS)}
            self.fault(_join(path, "op"), "unknown_operator", message)
        return str(raw.get("op")), raw.get("value")

    def _sum(self, raw: Any, did: Did, path: str) -> Sum | None:
        bound = self._bound(raw, ("of", "op", "value"), path)
        if bound is None:
            return None
        asked = self._summed(raw.get("of"), did, _join(path, "of"))
        if asked is None:
            return None
        value = self.number(bound[1], _join(path, "value"), whole=asked.type == "money")
        return None if value is None else Sum(bound[0], value, raw["of"], asked)

    def _summed(self, name: Any, did: Did, path: str) -> Property | None:
        """Where single lines are looked at, only lines are summed: an order with two of them would count twice."""
        if did.of.open:
            return (
                events.property(name, "number")
                if _is_name(name)
                else self.fault(path, "wrong_type", _("the name of a property, of 1 to 100 characters"))
            )
        sums = {key: one for key, one in did.of.properties.items() if one.type in ("number", "money")}
        if did.by_line:
            sums = {key: one for key, one in sums.items() if one.of_line or one.by_line}
        if not isinstance(name, str) or name not in sums:
            message = _("this field knows: %(known)s") % {"known": ", ".join(sums)}
            return self.fault(path, "unknown_value", message)
        return did.of.properties[sums[name].by_line] if did.by_line and sums[name].by_line else sums[name]

    def _received(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        """A message that came so far (`sent` when nothing is said): short for `did` over the record of messages."""
        self._only(raw, ("received",), path)
        inner, at = raw["received"], _join(path, "received")
        record = RECORDS.get(MESSAGE)
        if not isinstance(inner, dict):
            return self.fault(at, "wrong_type", _("an object with any of: %(known)s") % {"known": ", ".join(RECEIVED)})
        self._only(inner, RECEIVED, at)
        before = len(self.faults)
        within = self.duration(inner["within"], _join(at, "within")) if "within" in inner else None
        asked = {"status": "sent"} | {key: inner[key] for key in RECEIVED[:-1] if key in inner}
        compared = []
        for name, value in asked.items():
            one = record.properties[name]
            op = "has" if one.type == "list" else "="
            compared.append(Compare(name, op, self.one(one, op, value, _join(at, name)), one))
        return Did(MESSAGE, within, where=All(tuple(compared)), of=record) if len(self.faults) == before else None

    def _tag(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        """A tag that nobody carries yet may be asked for; a family that there is not is a mistake."""
        self._only(raw, ("tag",), path)
        try:
            return Tagged(*tags.parse(raw["tag"] if isinstance(raw["tag"], str) else ""))
        except InvalidTag as error:
            return self.fault(_join(path, "tag"), "unknown_tag", str(error))

    def _segment(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        self._only(raw, ("segment",), path)
        key = raw["segment"]
        if not isinstance(key, str) or key not in self.segments:
            return self.fault(_join(path, "segment"), "unknown_segment", _("there is no segment with this key"))
        return InSegment(key, self.segments[key])

    def _consent(self, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        self._only(raw, ("consent",), path)
        inner, at = raw["consent"], _join(path, "consent")
        if not isinstance(inner, dict):
            return self.fault(at, "wrong_type", _("an object with channel and purpose"))
        self._only(inner, ("channel", "purpose"), at)
        channel, purpose = inner.get("channel"), inner.get("purpose")
        for key, value in (("channel", channel), ("purpose", purpose)):
            if not isinstance(value, str) or not 0 < len(value) <= 20 or "\0" in value:
                self.fault(_join(at, key), "required", _("a text of 1 to %(n)s characters") % {"n": 20})
        said = isinstance(channel, str) and isinstance(purpose, str) and channel and purpose
        if said and (fault := consents.unknown(str(channel), str(purpose))):
            return self.fault(_join(at, fault.path), fault.code, fault.message)
        return Consented(str(channel), str(purpose))


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= NAME and "\0" not in name


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


__all__ = ["OPERATORS", "parse", "validate"]
