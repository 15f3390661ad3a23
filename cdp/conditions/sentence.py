"""A condition as a sentence in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cdp.conditions.tree import All, AnyOf, Bound, Compare, Consented, Did, InSegment, Node, Not, OfEvent, Tagged, Typed
from cdp.conditions.validate import parse
from cdp.conditions.vocabulary import OPERATOR_NAMES, SHARE
from cdp.models.consent import Channel, Purpose
from cdp.models.tag import Family
from config.ground import clock, money
from config.ground.durations import Duration
from config.ground.models import Brand

LANGUAGES = {"zh": "zh-hans", "en": "en"}


def sentence(tree: dict[str, Any] | Node) -> str:
    """Of a tree as JSON, or of a node. Raises InvalidCondition."""
    return _say(parse(tree, event=True) if isinstance(tree, dict) else tree, top=True)


def in_both(tree: dict[str, Any] | Node) -> dict[str, str]:
    """{"zh": …, "en": …}"""
    return both(lambda: sentence(tree))


def both(say: Callable[[], object]) -> dict[str, str]:
    """Something said in both languages."""
    said = {}
    for name, code in LANGUAGES.items():
        with translation.override(code):
            said[name] = str(say())
    return said


def _say(node: Node, *, top: bool = False) -> str:
    match node:
        case All(inner) | AnyOf(inner):
            joint = _(" and ") if isinstance(node, All) else _(" or ")
            text = joint.join(_say(item) for item in inner)
            return text if top or len(inner) == 1 else _("(%(text)s)") % {"text": text}
        case Not(inner):
            return _("not (%(text)s)") % {"text": _say(inner, top=True)}
        case Compare():
            return _compare(node.of.label, node)
        case OfEvent():
            return _compare(_("%(property)s of the event") % {"property": node.field}, node)
        case Did():
            return _did(node)
        case Consented(channel, purpose):
            words = {"channel": Channel(channel).label, "purpose": Purpose(purpose).label}
            return _("has consented to %(purpose)s by %(channel)s") % words
        case Tagged(family, name):
            return _("carries the tag %(tag)s") % {"tag": f"{Family(family).label}:{name}"}
        case InSegment():
            return _("is in the segment %(name)s") % {"name": node.of}


def _compare(label: object, node: Compare | OfEvent) -> str:
    field = node.of
    parts = {"field": label, "op": OPERATOR_NAMES[node.op]}
    if node.op in ("is_set", "is_not_set"):
        return _("%(field)s %(op)s") % parts
    if node.op == "between":
        low, high = (value(field, bound) for bound in node.value)
        return _("%(field)s from %(low)s to %(high)s") % (parts | {"low": low, "high": high})
    parts["value"] = value(field, node.value)
    if node.op in ("!=", "not_in", "has_none"):
        return _("%(field)s is known and %(op)s %(value)s") % parts
    return _("%(field)s %(op)s %(value)s") % parts


def value(field: Typed, said: Any) -> str:
    """A value of the field, as its reader reads it."""
    if isinstance(said, tuple | list):
        return _(", ").join(value(field, item) for item in said)
    if isinstance(said, Duration):
        return _length(said)
    if isinstance(said, datetime):
        return date_format(timezone.localtime(said, clock.zone()), "SHORT_DATETIME_FORMAT")
    if isinstance(said, date):
        return date_format(said, "SHORT_DATE_FORMAT")
    if isinstance(said, bool):
        return _("yes") if said else _("no")
    if field.type == "money":
        return money.show(round(said), Brand.objects.the().currency)
    if field.unit == SHARE:
        return f"{float(said) * 100:g} %"
    return str(dict(field.choices).get(said, said)) + (f" {field.unit}" if field.unit else "")


def _length(length: Duration) -> str:
    minutes = int(length.exact.total_seconds()) // 60
    parts = []
    if length.days:
        parts.append(ngettext("%(n)s day", "%(n)s days", length.days) % {"n": length.days})
    if minutes >= 60:
        parts.append(ngettext("%(n)s hour", "%(n)s hours", minutes // 60) % {"n": minutes // 60})
    if minutes % 60:
        parts.append(ngettext("%(n)s minute", "%(n)s minutes", minutes % 60) % {"n": minutes % 60})
    return " ".join(parts)


def _did(node: Did) -> str:
    never = node.count == Bound("=", 0)
    what = node.of.label
    if node.where:
        what = _("%(what)s with (%(where)s)") % {"what": what, "where": _say(node.where, top=True)}
    text = (_("does not have %(what)s") if never else _("has %(what)s")) % {"what": what}
    if window := _window(node):
        text = _("%(did)s %(window)s") % {"did": text, "window": window}
    if node.count and not never:
        text = _("%(did)s, %(bound)s times") % {"did": text, "bound": _bound(node.count)}
    if node.sum:
        amount = Bound(node.sum.op, value(node.sum.of, node.sum.value))
        words = {"did": text, "bound": _bound(amount), "what": node.sum.of.label}
        text = (
            _("%(did)s, amounting to %(bound)s")
            if node.sum.name == "amount"
            else _("%(did)s, %(what)s in all %(bound)s")
        ) % words
    return text


def _window(node: Did) -> str:
    if node.within:
        return _("within the last %(length)s") % {"length": _length(node.within)}
    ends = {
        name: date_format(timezone.localtime(at, clock.zone()), "SHORT_DATETIME_FORMAT")
        for name, at in (("since", node.since), ("until", node.until))
        if at
    }
    words = {
        0: "",
        1: _("from %(since)s") if node.since else _("before %(until)s"),
        2: _("from %(since)s to %(until)s"),
    }
    return words[len(ends)] % ends


def _bound(bound: Bound) -> str:
    return f"{OPERATOR_NAMES[bound.op]} {bound.value}"
