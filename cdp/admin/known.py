"""What is known of a member beside the sums on the page, as a list: each with its definition, in the form of its type."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cdp.admin.shown import amount, when
from cdp.conditions import facts
from cdp.conditions.vocabulary import SHARE, Field
from cdp.features import families

PAIR = '<div><dt title="{}">{}</dt><dd>{}</dd></div>'
WINDOWS = tuple(f"{what}_{days}" for what in ("orders", "amount") for days in (30, 90))
RFM = tuple(name for name in families.CORE.fields if name.startswith("rfm_"))
BESIDE = tuple((name, field) for family in families.BESIDE for name, field in family.fields.items())
NAMES = (*((name, families.CORE.fields[name]) for name in (*RFM, *WINDOWS)), *BESIDE)


def table(member: int, currency: str, *, as_of: datetime) -> SafeString | str:
    """What is not known takes no room."""
    rows = list(_rows(facts([member], as_of=as_of)[member], currency))
    return format_html('<dl class="h-attributes">{}</dl>', format_html_join("", PAIR, rows)) if rows else "–"


def _rows(known: dict[str, Any], currency: str) -> Iterable[tuple[Any, Any, str]]:
    for name, field in NAMES:
        value = known[name]
        if value not in (None, "", 0, []):
            yield field.definition, field.label, shown(field, value, currency)


def shown(field: Field, value: Any, currency: str) -> str:
    """A value as its type is read; a share as a percentage."""
    if field.type == "money":
        return amount(round(value), currency)
    if field.type == "time":
        return when(value)
    if field.type == "choice":
        return str(dict(field.choices).get(value, value))
    if field.type == "list":
        return _(", ").join(value)
    if field.unit == SHARE:
        return f"{value:.0%}"
    number = f"{value:.1f}" if isinstance(value, float) else str(value)
    return f"{number} {field.unit}" if field.unit else number
