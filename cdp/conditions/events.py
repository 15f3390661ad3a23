"""Events as a record: any type, any property, each of the type that it is compared with. Of another JSON type it is not known.

The personal properties of a type are sealed and so are not known either.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, DateField, DateTimeField, DecimalField, F, Func, JSONField, TextField, Value
from django.db.models import Field as DjangoField
from django.db.models.functions import Cast
from django.utils.functional import lazy

from cdp.conditions import forms
from cdp.conditions.vocabulary import Property, Record, Row, Rows
from cdp.models import Event, EventType

# Type -> what reads its JSON in SQL, and plainly.
READ: dict[str, tuple[str, DjangoField[Any, Any]]] = {
    "number": ("cdp_as_number", DecimalField(max_digits=38, decimal_places=9)),
    "text": ("cdp_as_text", TextField()),
    "boolean": ("cdp_as_boolean", BooleanField()),
    "date": ("cdp_as_date", DateField()),
    "time": ("cdp_as_instant", DateTimeField()),
    "list": ("cdp_as_texts", ArrayField(TextField())),
}


def of_type(type: str) -> Record:
    """The events of a type."""
    return Record(
        label=lazy(lambda: str(EventType.objects.filter(code=type).first() or type), str)(),
        rows=lambda: Event.objects.filter(type=type),
        at="occurred_at",
        properties={},
        read=lambda members, as_of: read(members, as_of, type=type).get(type, {}),
        open=True,
    )


def property(name: str, type: str) -> Property:
    """One property of an event's JSON."""
    return Property(name, type, lambda as_of: expression(name, type, F("properties")))


def expression(name: str, type: str, properties: Any) -> Func:
    """SQL: the property in an expression that is an event's JSON."""
    if type == "any":
        return Func(properties, Value(name), function="jsonb_extract_path_text", output_field=TextField())
    function, output = READ[type]
    inner = Func(properties, Value(name), function="jsonb_extract_path", output_field=JSONField())
    return Func(inner, function=function, output_field=output)


def plain(properties: Mapping[str, Any], name: str, type: str) -> Any:
    """The same, of an event as it is: a value that does not fit is not known."""
    value = properties.get(name)
    return value if value is None or type == "any" else _PLAIN[type](value)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value)) if isinstance(value, float) else value


def _date(value: Any) -> date | None:
    if not isinstance(value, str) or not forms.is_date(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str) or not forms.is_instant(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [unicodedata.normalize("NFKC", item) for item in value if isinstance(item, str)]


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "text": lambda value: value if isinstance(value, str) else None,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "date": _date,
    "time": _instant,
    "list": _texts,
}


def read(members: Sequence[int], as_of: datetime, *, type: str | None = None) -> dict[str, Rows]:
    """Events as plain values, by type (None: of every type)."""
    events = Event.objects.filter(member__in=members, occurred_at__lte=as_of)
    if type is not None:
        events = events.filter(type=type)
    found: dict[str, Rows] = defaultdict(lambda: defaultdict(list))
    said = events.annotate(said=Cast("properties", TextField())).values_list("type", "member", "occurred_at", "said")
    for kind, member, at, text in said:
        # As text: a float of Python is not always the number that stands there.
        found[kind][member].append(Row(at, json.loads(text, parse_float=Decimal)))
    return found


_BY_OPERATOR = {
    "is_set": "any",
    "is_not_set": "any",
    "is": "boolean",
    "in": "text",
    "not_in": "text",
    "contains": "text",
    "starts_with": "text",
    "within_last": "time",
    "more_than_ago": "time",
    "within_next": "time",
    "anniversary_within": "date",
    "has": "list",
    "has_any": "list",
    "has_all": "list",
    "has_none": "list",
}


def fitting(raw: dict[str, Any]) -> str:
    """The type that a property is asked as: that of its operator and of the value it is compared with (a key of OPERATORS)."""
    op, value = raw.get("op"), raw.get("value")
    if isinstance(op, str) and op in _BY_OPERATOR:
        return _BY_OPERATOR[op]
    if op in ("before", "after", "between"):
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str):
            return "date" if "T" not in first else "time"
        return "number" if op == "between" else "time"
    return "text" if op in ("=", "!=") and isinstance(value, str) else "number"
