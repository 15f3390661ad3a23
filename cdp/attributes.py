"""What a member's attributes may hold: declared ones have their type, the others are kept as they come.

A value is kept as JSON says it: texts, numbers, true and false; money as whole fen; a date as 1990-05-01; an instant in UTC.
What was stored before it was declared may have another form; conditions then read it as not known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from django.db import connection, transaction
from django.utils.functional import Promise, lazy
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from msgspec import Meta

from cdp.conditions.vocabulary import FIELDS
from cdp.errors import Fault, InvalidAttribute
from cdp.models import AttributeDefinition
from config.ground import audit

Type = AttributeDefinition.Type
TEXT = 1000  # characters of a text
ITEMS = 100  # texts of a list
ITEM = 200  # characters of each
CHOICES = 200
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1800, 2201)


@dataclass(frozen=True)
class Declared:
    name: str
    type: str
    label: str | Promise
    choices: tuple[tuple[str, str | Promise], ...] = ()
    personal: bool = False
    labels: tuple[str, str] = ("", "")  # Chinese, English
    aliases: Mapping[str, str] = field(
        default_factory=dict
    )  # what people write for a choice, in lower case -> its value

    def value_of(self, said: str) -> str:
        """The choice that somebody wrote by its value or a label; what is none stays, to be refused."""
        return self.aliases.get(said.lower(), said)


def declared() -> dict[str, Declared]:
    """All of them, by name, as they are declared now: one small statement."""
    return {row.name: _declared(row) for row in AttributeDefinition.objects.order_by("-standard", "pk")}


def _declared(row: AttributeDefinition) -> Declared:
    choices = tuple((value, in_language(zh, en)) for value, zh, en in row.choices)
    aliases = {said.lower(): value for value, *labels in row.choices for said in (value, *labels) if said}
    labels = row.label_zh, row.label_en
    return Declared(row.name, row.type, in_language(*labels), choices, row.personal, labels, aliases)


def in_language(zh: str, en: str) -> str | Promise:
    """The one of the two that the reader reads, when it is read."""
    return lazy(lambda: zh if (get_language() or "").startswith("zh") else en, str)()


def check(said: Mapping[str, Any], known: Mapping[str, Declared]) -> tuple[dict[str, Any], list[Fault]]:
    """(values as they are kept, what does not fit). None unsays a value, whatever its type."""
    kept, faults = dict(said), []
    for name in said.keys() & known.keys():
        if said[name] is not None:
            try:
                kept[name] = _READ[known[name].type](said[name], known[name])
            except _Unfit as unfit:
                faults.append(Fault(f"attributes.{name}", unfit.code, unfit.message))
    return kept, sorted(faults, key=lambda fault: fault.path)


class _Unfit(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def _text(value: Any, declared: Declared) -> str:
    if not isinstance(value, str) or len(value) > TEXT:
        raise _Unfit("wrong_type", _("a text of at most %(n)s characters") % {"n": TEXT})
    return value


def _number(value: Any, declared: Declared) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Unfit("wrong_type", _("a number"))
    return value


def _integer(value: Any, declared: Declared) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unfit("wrong_type", _("a whole number"))
    return value


def _money(value: Any, declared: Declared) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unfit("wrong_type", _("a whole number of fen"))
    return value


def _boolean(value: Any, declared: Declared) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("wrong_type", _("true or false"))
    return value


def _date(value: Any, declared: Declared) -> str:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value) and date.fromisoformat(value).year in _YEARS:
            return value
    except ValueError:
        pass
    raise _Unfit("invalid_date", _("a date like 1990-05-01"))


def _instant(value: Any, declared: Declared) -> str:
    try:
        at = msgspec.convert(value, Annotated[datetime, Meta(tz=True)])
        if at.year in _YEARS:
            return at.astimezone(UTC).isoformat()
    except (msgspec.ValidationError, OverflowError):
        pass
    raise _Unfit("invalid_time", _("not an instant; write it like 2026-03-01T10:00:00+08:00"))


def _choice(value: Any, declared: Declared) -> str:
    if value not in (choice for choice, _label in declared.choices):
        known = ", ".join(f"{choice} ({label})" if label else choice for choice, label in declared.choices)
        raise _Unfit("unknown_value", _("this field knows: %(known)s") % {"known": known})
    return str(value)


def _list(value: Any, declared: Declared) -> list[str]:
    fits = isinstance(value, list) and len(value) <= ITEMS
    if not fits or not all(isinstance(item, str) and 0 < len(item) <= ITEM for item in value):
        wanted = _("a list of at most %(n)s texts of 1 to %(longest)s characters") % {"n": ITEMS, "longest": ITEM}
        raise _Unfit("wrong_type", wanted)
    return list(dict.fromkeys(value))


_READ: dict[str, Callable[[Any, Declared], Any]] = {
    Type.TEXT: _text,
    Type.NUMBER: _number,
    Type.INTEGER: _integer,
    Type.MONEY: _money,
    Type.BOOLEAN: _boolean,
    Type.DATE: _date,
    Type.INSTANT: _instant,
    Type.CHOICE: _choice,
    Type.LIST: _list,
}


@transaction.atomic
def declare(definition: AttributeDefinition, *, actor: str, now: datetime) -> None:
    """Store a new one, or what changed of an old one. Raises InvalidAttribute with the field and what would be right."""
    before = examine(definition)
    definition.save()
    said = {name: getattr(definition, name) for name in ("type", "label_zh", "label_en", "choices", "personal")}
    if before is None:
        audit.note(actor, "attribute.declare", definition.name, now=now, **said)
        return
    was = {name: getattr(before, name) for name in said if getattr(before, name) != said[name]}
    changed = {name: said[name] for name in was}
    audit.note(actor, "attribute.change", definition.name, now=now, was=was, **changed)


def examine(definition: AttributeDefinition) -> AttributeDefinition | None:
    """What it was before, when it may be declared so. Raises InvalidAttribute."""
    before = AttributeDefinition.objects.filter(pk=definition.pk).first()
    definition.choices = [[_normal(value), zh, en] for value, zh, en in definition.choices]
    _check_name(definition, before)
    _check_choices(definition)
    if before and before.type != definition.type and values_exist(before.name):
        raise InvalidAttribute("type", _("members have values of this attribute, so its type stays"))
    return before


def _check_name(definition: AttributeDefinition, before: AttributeDefinition | None) -> None:
    name = definition.name
    if before and before.name != name:
        raise InvalidAttribute("name", _("a name stays; declare another attribute"))
    if not name.isidentifier() or name != _normal(name) or len(name) > 50:
        raise InvalidAttribute("name", _("letters, digits and _, beginning with a letter, 50 at most"))
    if name in FIELDS:
        raise InvalidAttribute("name", _("this name is one of ours; take another"))
    if not before and AttributeDefinition.objects.filter(name=name).exists():
        raise InvalidAttribute("name", _("an attribute of this name is declared already"))


def _check_choices(definition: AttributeDefinition) -> None:
    values = [value for value, _zh, _en in definition.choices]
    if definition.type != Type.CHOICE:
        if values:
            raise InvalidAttribute("choices", _("only one of a list has choices"))
        return
    if not 0 < len(values) <= CHOICES or len(set(values)) < len(values):
        raise InvalidAttribute("choices", _("1 to %(n)s choices, each once") % {"n": CHOICES})
    if not all(0 < len(text) <= 100 for choice in definition.choices for text in choice):
        raise InvalidAttribute("choices", _("a choice and its labels have 1 to 100 characters"))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def values_exist(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM cdp_member WHERE attributes ? %s)", [name])
        (exist,) = cursor.fetchone()
    return bool(exist)


def in_order(attributes: Mapping[str, Any], known: Iterable[str]) -> Sequence[tuple[str, Any]]:
    """The declared ones first, in the order of their declaration, then the others by name; those that are not known left out."""
    names = [name for name in known if name in attributes]
    names += sorted(attributes.keys() - set(names))
    return [(name, attributes[name]) for name in names if attributes[name] is not None]


def in_words(definition: AttributeDefinition) -> list[str]:
    """The labels of its choices, in the reader's language."""
    return [str(label) for _value, label in _declared(definition).choices]
