"""The JSON Schema of conditions, made of the vocabulary as it stands, and the vocabulary itself for whoever makes a form of it.

It accepts what `validate` accepts, as far as JSON Schema can say it. What it cannot say: how deep groups nest and how many
predicates there are, that a day is in the calendar and that `to` is after `from`, the longest duration, that a whole number is
not written 1.0, texts that are only equal to a choice after NFKC normalisation, that a property of a whole order is not summed
over lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp import tags
from cdp.conditions import forms, vocabulary
from cdp.conditions.sentence import both
from cdp.conditions.validate import BOUNDS, DEPTH, MESSAGE, NAME, PREDICATES, RECEIVED
from cdp.conditions.values import A_YEAR, LARGEST, TEXT
from cdp.conditions.vocabulary import OPERATOR_NAMES, OPERATORS, RECORDS, Field, Property, Record
from cdp.models import Segment
from cdp.models.consent import WITHOUT_CHANNEL, Channel, Purpose
from cdp.models.tag import Family
from config.ground import durations

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Operators -> how many values they take: one, a list of two, a list of any length.
_LISTS = ("in", "not_in", "has_any", "has_all", "has_none")
_LENGTHS = ("within_last", "more_than_ago", "within_next")


def schema() -> Schema:
    """`$defs.condition` is one of a member; `$defs.condition_of_event` may ask of the event that asks too."""
    fields = vocabulary.known()
    own = [
        _ref("field"),
        _ref("tag"),
        _ref("segment"),
        *(_ref(f"did_{name}") for name in RECORDS),
        _ref("did_event"),
        _ref("received"),
    ]
    own += [_ref("consent")]
    defs: dict[str, Schema] = {
        "condition": _conditions("condition", own),
        "condition_of_event": _conditions("condition_of_event", [*own, _ref("event")]),
        "field": _any(list(_alike(fields))),
        "tag": _object({"tag": _tag()}),
        "segment": _object({"segment": {"enum": list(segments())}}),
        "received": _object({"received": _received(RECORDS.get(MESSAGE))}),
        "consent": _object({"consent": _consent()}),
        "event": _of_any_type("event"),
        "did_event": _did({**_text(50), "not": {"enum": list(RECORDS)}}, "where_event", _number("number")),
        "where_event": _conditions("where_event", [_of_any_type("field")]),
    }
    for name, record in RECORDS.items():
        defs[f"where_{name}"] = _conditions(f"where_{name}", list(_alike(record.properties)))
        defs[f"did_{name}"] = _did({"const": name}, f"where_{name}", record)
    return {"$schema": DIALECT, "title": "condition", **_ref("condition"), "$defs": defs}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _any(shapes: list[Schema]) -> Schema:
    return {"anyOf": shapes}


def _object(properties: Mapping[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    } | more


def _conditions(name: str, leaves: list[Schema]) -> Schema:
    """`all`, `any`, `not`, and what stands at the leaves."""
    group = {"type": "array", "minItems": 1, "items": _ref(name)}
    return _any([_object({"all": group}), _object({"any": group}), _object({"not": _ref(name)}), *leaves])


def _text(longest: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": f"^{forms.TEXT}$"}


def _number(type: str) -> Schema:
    return {"type": "integer" if type == "money" else "number", "minimum": -LARGEST, "maximum": LARGEST}


def _form(pattern: str, **more: Any) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"} | more


def _value(type: str, choices: tuple[tuple[str, Any], ...] = ()) -> Schema:
    """One value of a type."""
    if choices:
        return {"enum": [value for value, _label in choices]}
    made: dict[str, Callable[[], Schema]] = {
        "number": lambda: _number("number"),
        "money": lambda: _number("money"),
        "time": lambda: _form(forms.INSTANT, format="date-time"),
        "date": lambda: _form(forms.DATE, format="date"),
        "boolean": lambda: {"type": "boolean"},
    }
    return made.get(type, lambda: _text(TEXT))()


def _alike(asked: Mapping[str, Field | Property]) -> Iterator[Schema]:
    """Those of one type and the same choices share their shapes."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, one in asked.items():
        groups.setdefault((one.type, tuple(value for value, _label in one.choices)), []).append(name)
    for names in groups.values():
        yield from _compared("field", {"enum": names}, asked[names[0]])


def _compared(key: str, name: Schema, of: Field | Property) -> Iterator[Schema]:
    """Operators that take the same value share a shape."""
    by_value: dict[str, tuple[Schema | None, list[str]]] = {}
    for op in of.operators:
        value = _wanted(op, of.type, of.choices)
        by_value.setdefault(repr(value), (value, []))[1].append(op)
    for value, ops in by_value.values():
        asked = {key: name, "op": {"enum": ops}}
        yield _object(asked if value is None else asked | {"value": value})


def _wanted(op: str, type: str, choices: tuple[tuple[str, Any], ...]) -> Schema | None:
    if op in ("is_set", "is_not_set"):
        return None
    if op == "anniversary_within" or (op in _LENGTHS and type == "date"):
        longest = A_YEAR if op == "anniversary_within" else durations.LONGEST
        return _form(forms.DAYS, description=f"whole days, at most P{longest}D")
    if op in _LENGTHS:
        return _length()
    one = _value(type, choices)
    if op == "between":
        return {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    return {"type": "array", "items": one, "minItems": 1, "maxItems": 1000} if op in _LISTS else one


def _length() -> Schema:
    return _form(forms.LENGTH, description=f"a duration, at most P{durations.LONGEST}D")


def _of_any_type(key: str) -> Schema:
    """A property of an event is of the type of what it is compared with."""
    types = ("number", "text", "boolean", "date", "time", "list", "any")
    shapes = [one for type in types for one in _compared(key, _text(NAME), Property("", type, lambda as_of: None))]
    return _any(shapes)


def _did(what: Schema, where: str, record: Record | Schema) -> Schema:
    instant = _value("time")
    properties = {
        "did": what,
        "within": _length(),
        "from": instant,
        "to": instant,
        "count": _object({"op": {"enum": list(BOUNDS)}, "value": _number("money")}),
        "where": _ref(where),
    }
    if sums := list(_sums(record)):
        properties["sum"] = _any(sums)
    both_windows = {"required": ["within"], "anyOf": [{"required": ["from"]}, {"required": ["to"]}]}
    return _object(properties, tuple(name for name in properties if name != "did"), **{"not": both_windows})


def _sums(record: Record | Schema) -> Iterator[Schema]:
    op = {"enum": list(BOUNDS)}
    if not isinstance(record, Record):
        yield _object({"of": _text(NAME), "op": op, "value": record})
        return
    for type in ("money", "number"):
        if names := [name for name, one in record.properties.items() if one.type == type]:
            yield _object({"of": {"enum": names}, "op": op, "value": _number(type)})


def _received(record: Record) -> Schema:
    properties = {key: _value("text", record.properties[key].choices) for key in RECEIVED if key in record.properties}
    return _object(properties | {"within": _length()}, RECEIVED)


def segments() -> dict[str, Schema]:
    """Key -> its name in both languages."""
    rows = Segment.objects.order_by("key").values_list("key", "name", "name_en")
    return {key: {"zh": name, "en": name_en or name} for key, name, name_en in rows}


def _consent() -> Schema:
    """Some purposes have no channel of their own."""
    with_channel = [purpose.value for purpose in Purpose if purpose not in WITHOUT_CHANNEL]
    return _any(
        [
            _object({"channel": {"enum": Channel.values}, "purpose": {"enum": with_channel}}),
            _object(
                {"channel": {"const": Channel.ANY.value}, "purpose": {"enum": [one.value for one in WITHOUT_CHANNEL]}}
            ),
        ]
    )


def _tag() -> Schema:
    return _form(
        f"({'|'.join(Family.values)}):{forms.TEXT}", description=f"family:name, of 1 to {tags.LONGEST} characters"
    )


def said() -> Schema:
    """The vocabulary: every field and record with its label, type, unit, operators and choices, and the limits of a tree."""
    return {
        "fields": [_said(name, field) | {"historical": field.historical} for name, field in vocabulary.known().items()],
        "records": [
            {"name": name, "label": _both(record.label), "historical": record.historical}
            | {"properties": [_said(key, one) | {"of_line": one.of_line} for key, one in record.properties.items()]}
            for name, record in RECORDS.items()
        ],
        "operators": [{"op": op, "label": _both(label)} for op, label in OPERATOR_NAMES.items()],
        "types": [{"type": type, "operators": list(operators)} for type, operators in OPERATORS.items()],
        "families": _choices(tuple(Family.choices)),
        "segments": [{"value": key, "label": label} for key, label in segments().items()],
        "channels": _choices(tuple(Channel.choices)),
        "purposes": _choices(tuple(Purpose.choices)),
        "limits": {
            "depth": DEPTH,
            "predicates": PREDICATES,
            "text": TEXT,
            "number": LARGEST,
            "days": durations.LONGEST,
        },
    }


def _said(name: str, one: Field | Property) -> Schema:
    return {
        "name": name,
        "label": _both(one.label),
        "type": one.type,
        "unit": _both(one.unit) if one.unit else None,
        "operators": list(one.operators),
        "choices": _choices(one.choices),
    }


def _choices(choices: tuple[tuple[str, Any], ...]) -> list[Schema]:
    return [{"value": value, "label": _both(label)} for value, label in choices]


def _both(text: Any) -> dict[str, str]:
    return both(lambda: text)
