"""A template's text and the values that go into it. A value is inert text: it is looked at, never interpreted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from cdp.conditions import vocabulary
from connectors.errors import InvalidTemplate

HOLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,29})\}")
OPT_OUT = "拒收请回复R"  # the mandated words
REFUSED = re.compile(
    r"://|www\.|[\x00-\x1f\x7f【】]", re.IGNORECASE
)  # no links, no lines, nothing that looks like a signature


class Unrenderable(Exception):
    """The argument is the reason's code."""


def check(text: str, variables: Mapping[str, Mapping[str, Any]], *, purpose: str) -> None:
    """Raises InvalidTemplate for what a provider would refuse."""
    holes = HOLE.findall(text)
    if "${" in HOLE.sub("", text):
        raise InvalidTemplate(_("text: write a variable as ${name}, with letters, digits and _"))
    if len(holes) != len(set(holes)):
        raise InvalidTemplate(_("text: each variable stands once"))
    if "}${" in text:
        raise InvalidTemplate(_("text: two variables may not touch"))
    if odd := set(holes) ^ set(variables):
        raise InvalidTemplate(
            _("variables: %(names)s must stand in the text and be declared") % {"names": ", ".join(sorted(odd))}
        )
    facts = [spec["fact"] for spec in variables.values() if "fact" in spec]
    if facts and (unknown := [fact for fact in facts if fact not in vocabulary.known()]):
        raise InvalidTemplate(_("variables: nothing is known as %(names)s") % {"names": ", ".join(unknown)})
    if purpose == "marketing" and not text.endswith(OPT_OUT):
        raise InvalidTemplate(_("text: a marketing text ends with %(words)s") % {"words": OPT_OUT})


def values(
    variables: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any], facts: Mapping[str, Any], *, longest: int
) -> dict[str, str]:
    """The value of each variable: said with the wish, else known of the member, else the default."""
    found = {}
    for name, spec in variables.items():
        value = data.get(name)
        if value is None and "fact" in spec:
            value = _text(facts.get(spec["fact"]))
        if value in (None, ""):
            value = spec.get("default")
        if value in (None, ""):
            raise Unrenderable("missing_var")
        found[name] = _inert(str(value), longest)
    return found


def fill(text: str, params: Mapping[str, str]) -> str:
    return HOLE.sub(lambda hole: params[hole[1]], text)


def _inert(value: str, longest: int) -> str:
    if len(value) > longest:
        raise Unrenderable("value_too_long")
    if REFUSED.search(value):
        raise Unrenderable("value_refused")
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return "、".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
