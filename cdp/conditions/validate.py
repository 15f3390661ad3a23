"""JSON -> tree. All faults at once, each with its path and a sentence that a manager understands."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from cdp import consents, tags
from cdp.conditions import vocabulary
from cdp.conditions.tree import All, AnyOf, Bound, Compare, Consented, Did, Node, Not, Tagged
from cdp.conditions.vocabulary import FIELDS, OPERATORS, Field
from cdp.errors import Fault, InvalidCondition, InvalidTag
from config.ground import durations, instants

DEPTH = 12  # deeper than this nobody reads, and the compilers recurse
PREDICATES = 200
A_YEAR = 366  # days in which everything has its anniversary
TEXT = 200  # characters of a value
LARGEST = 10**15  # fen or counts; sums over members stay within 64 bits
GROUPS = ("all", "any", "not")
PREDICATE_KEYS = ("field", "tag", "did", "consent")
BOUNDS = ("=", "!=", ">", ">=", "<", "<=")


def parse(raw: Any, path: str = "") -> Node:
    """Raises InvalidCondition with every fault."""
    reader = _Reader()
    node = reader.node(raw, path, 1)
    if reader.predicates > PREDICATES:
        reader.fault(path, "too_many", _("at most %(n)s predicates") % {"n": PREDICATES})
    if reader.faults or node is None:
        raise InvalidCondition(reader.faults)
    return node


def validate(raw: Any, path: str = "") -> list[Fault]:
    try:
        parse(raw, path)
    except InvalidCondition as error:
        return error.faults
    return []


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.predicates = 0

    @cached_property
    def fields(self) -> dict[str, Field]:
        return vocabulary.known()

    def field(self, name: Any) -> Field | None:
        """Those of the code cost nothing; only for others is the table of the declared ones read, once per condition."""
        if not isinstance(name, str):
            return None
        return FIELDS.get(name) if name in FIELDS else self.fields.get(name)

    def fault(self, path: str, code: str, message: str) -> Any:
        """Note it; the answer, None, is what the caller has read."""
        self.faults.append(Fault(path, code, message))

    def node(self, raw: Any, path: str, depth: int) -> Node | None:
        if depth > DEPTH:
            return self.fault(path, "too_deep", _("groups nest at most %(n)s deep") % {"n": DEPTH})
        if not isinstance(raw, dict):
            return self.fault(path, "wrong_type", _('a condition is an object, like {"field": …}'))
        kinds = [key for key in (*GROUPS, *PREDICATE_KEYS) if key in raw]
        if len(kinds) != 1:
            known = ", ".join((*GROUPS, *PREDICATE_KEYS))
            return self.fault(
                path, "unknown_condition", _("a condition has exactly one of: %(known)s") % {"known": known}
            )
        if kinds[0] in GROUPS:
            return self._group(kinds[0], raw, path, depth)
        self.predicates += 1
        readers: dict[str, Callable[[dict[str, Any], str], Node | None]] = {
            "field": self._compare,
            "tag": self._tag,
            "did": self._did,
            "consent": self._consent,
        }
        return readers[kinds[0]](raw, path)

    def _only(self, raw: dict[str, Any], keys: tuple[str, ...], path: str) -> None:
        for key in raw:
            if key not in keys:
                known = _("there is no such key; known: %(known)s") % {"known": ", ".join(keys)}
                self.fault(_join(path, str(key)), "unknown_key", known)

    def _group(self, kind: str, raw: dict[str, Any], path: str, depth: int) -> Node | None:
        self._only(raw, (kind,), path)
        at = _join(path, kind)
        if kind == "not":
            inner = self.node(raw["not"], at, depth + 1)
            return Not(inner) if inner else None
        if not isinstance(raw[kind], list) or not raw[kind]:
            return self.fault(at, "empty_group", _("a group is a list with at least one condition"))
        nodes = [self.node(item, f"{at}[{n}]", depth + 1) for n, item in enumerate(raw[kind])]
        whole = tuple(node for node in nodes if node)
        return All(whole) if kind == "all" else AnyOf(whole)

    def _compare(self, raw: dict[str, Any], path: str) -> Node | None:
        self._only(raw, ("field", "op", "value"), path)
        name, op = raw["field"], raw.get("op")
        field = self.field(name)
        if field is None:
            known = ", ".join(sorted(self.fields))
            return self.fault(
                _join(path, "field"), "unknown_field", _("there is no such field; known: %(known)s") % {"known": known}
            )
        if op not in field.operators:
            known = " ".join(field.operators)
            return self.fault(
                _join(path, "op"), "unknown_operator", _("this field knows: %(known)s") % {"known": known}
            )
        at = _join(path, "value")
        if op in ("is_set", "is_not_set"):
            if "value" in raw:
                self.fault(at, "unknown_key", _("this operator takes no value"))
            return Compare(name, op, None, field)
        if "value" not in raw:
            return self.fault(at, "required", _("this operator needs a value"))
        value = self._value(field, op, raw["value"], at)
        return None if value is None else Compare(name, op, value, field)

    def _value(self, field: Field, op: str, raw: Any, path: str) -> Any:
        if op in ("in", "not_in", "between", "has_any", "has_all", "has_none"):
            size = 2 if op == "between" else None
            if not isinstance(raw, list) or not raw or len(raw) > 1000 or (size and len(raw) != size):
                wanted = _("a list of two values, from and to") if size else _("a list of 1 to 1000 values")
                return self.fault(path, "wrong_type", wanted)
            values = tuple(self._one(field, op, item, f"{path}[{n}]") for n, item in enumerate(raw))
            return None if None in values else values
        return self._one(field, op, raw, path)

    def _one(self, field: Field, op: str, raw: Any, path: str) -> Any:
        if op == "anniversary_within":
            return self._days(raw, path, most=A_YEAR)
        if op in ("within_last", "more_than_ago", "within_next"):
            return self._days(raw, path) if field.type == "date" else self._duration(raw, path)
        if field.type == "time":
            return self._instant(raw, path)
        if field.type == "date":
            return self._date(raw, path)
        if field.type == "boolean":
            return raw if isinstance(raw, bool) else self.fault(path, "wrong_type", _("true or false"))
        if field.type in ("number", "money"):
            return self._number(raw, path, whole=field.type == "money")
        if not isinstance(raw, str) or not 0 < len(raw) <= TEXT or "\0" in raw:
            return self.fault(path, "wrong_type", _("a text of 1 to %(n)s characters") % {"n": TEXT})
        text = unicodedata.normalize("NFKC", raw)
        if field.choices and text not in (known := [value for value, _label in field.choices]):
            return self.fault(path, "unknown_value", _("this field knows: %(known)s") % {"known": ", ".join(known)})
        return text

    def _number(self, raw: Any, path: str, *, whole: bool) -> int | Decimal | None:
        if isinstance(raw, bool) or not isinstance(raw, int if whole else (int, float)):
            return self.fault(path, "wrong_type", _("a whole number of fen") if whole else _("a number"))
        if not abs(raw) <= LARGEST:
            return self.fault(path, "out_of_range", _("a number up to %(n)s") % {"n": LARGEST})
        return raw if isinstance(raw, int) else Decimal(str(raw))

    def _duration(self, raw: Any, path: str) -> durations.Duration | None:
        if (length := durations.parse(raw)) is None:
            self.fault(path, "invalid_duration", _("a duration like P30D or PT12H, above zero and up to ten years"))
        return length

    def _days(self, raw: Any, path: str, *, most: int = durations.LONGEST) -> durations.Duration | None:
        length = durations.parse(raw)
        if length is None or length.exact or length.days > most:
            return self.fault(
                path, "invalid_duration", _("whole days like P30D, above zero and up to P%(most)sD") % {"most": most}
            )
        return length

    def _date(self, raw: Any, path: str) -> date | None:
        try:
            day = parse_date(raw) if isinstance(raw, str) else None
        except ValueError:
            day = None
        return day or self.fault(path, "invalid_date", _("a date like 1990-05-01"))

    def _instant(self, raw: Any, path: str) -> datetime | None:
        try:
            at = parse_datetime(raw) if isinstance(raw, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or instants.fault(at):
            return self.fault(path, "invalid_time", _("an instant with its offset, like 2026-03-01T10:00:00+08:00"))
        return at

    def _did(self, raw: dict[str, Any], path: str) -> Node | None:
        self._only(raw, ("did", "within", "from", "to", "count", "sum"), path)
        before = len(self.faults)
        what = raw["did"]
        if not isinstance(what, str) or not 0 < len(what) <= 50 or "\0" in what:
            self.fault(_join(path, "did"), "wrong_type", _('"order", "refund" or the type of an event'))
        if "within" in raw and ("from" in raw or "to" in raw):
            self.fault(_join(path, "within"), "two_windows", _("give either within, or from and to"))
        if "sum" in raw and what not in ("order", "refund"):
            self.fault(_join(path, "sum"), "unknown_key", _("only orders and refunds have a sum"))
        within = self._duration(raw["within"], _join(path, "within")) if "within" in raw else None
        since, until = (self._instant(raw[k], _join(path, k)) if k in raw else None for k in ("from", "to"))
        count = self._bound(raw["count"], _join(path, "count")) if "count" in raw else None
        total = self._bound(raw["sum"], _join(path, "sum"), of=True) if "sum" in raw else None
        return Did(what, within, since, until, count, total) if len(self.faults) == before else None

    def _bound(self, raw: Any, path: str, *, of: bool = False) -> Bound | None:
        if not isinstance(raw, dict):
            return self.fault(path, "wrong_type", _('an object like {"op": ">=", "value": 1}'))
        self._only(raw, ("of", "op", "value") if of else ("op", "value"), path)
        if of and raw.get("of") != "amount":
            self.fault(_join(path, "of"), "unknown_value", _("this field knows: %(known)s") % {"known": "amount"})
        if raw.get("op") not in BOUNDS:
            self.fault(
                _join(path, "op"), "unknown_operator", _("this field knows: %(known)s") % {"known": " ".join(BOUNDS)}
            )
        value = self._number(raw.get("value"), _join(path, "value"), whole=True)
        return None if value is None else Bound(str(raw.get("op")), value)

    def _tag(self, raw: dict[str, Any], path: str) -> Node | None:
        """A tag that nobody carries yet may be asked for; a family that there is not is a mistake."""
        self._only(raw, ("tag",), path)
        try:
            return Tagged(*tags.parse(raw["tag"] if isinstance(raw["tag"], str) else ""))
        except InvalidTag as error:
            return self.fault(_join(path, "tag"), "unknown_tag", str(error))

    def _consent(self, raw: dict[str, Any], path: str) -> Node | None:
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


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


__all__ = ["OPERATORS", "parse", "validate"]
