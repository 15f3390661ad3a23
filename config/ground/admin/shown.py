"""How pages show what is written for machines: codes as words where the list is closed, open vocabularies as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

ORIGINS = {
    "journey": _("journey"),
    "earn": _("earning rule"),
    "points": _("points programme"),
    "placement": _("placement"),
    "connectors": _("messages"),
}


def word(words: Mapping[str, Any], code: object) -> str:
    """The word for a code; a code without one stays what it is."""
    return str(words.get(str(code), code)) if code not in (None, "") else "–"


def origin(text: str) -> str:
    """journey:win-back@1 -> journey win-back@1, in the reader's language."""
    kind, _colon, rest = text.partition(":")
    return f"{ORIGINS[kind]} {rest}".strip() if kind in ORIGINS else text


def pairs(values: Any, words: Mapping[str, Any] | None = None) -> str:
    """An object as `key: value`, nested ones in brackets; nothing as a dash."""
    return _flat(values, words or {}) or "–"


def _flat(value: Any, words: Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        parts = ((_called(key, words), one) for key, one in value.items() if one not in (None, "", [], {}))
        return " · ".join(
            f"{key}: {f'({_flat(one, words)})' if isinstance(one, Mapping) else _flat(one, words)}"
            for key, one in parts
        )
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return ", ".join(_flat(one, words) for one in value) if isinstance(value, list | tuple) else str(value)


def _called(key: object, words: Mapping[str, Any]) -> str:
    """cdp.Member -> members, in the reader's language."""
    try:
        return str(apps.get_model(str(key))._meta.verbose_name_plural)
    except (LookupError, ValueError):
        return str(words.get(str(key), key))


def in_words(field: str, words: Mapping[str, Any]) -> tuple[str, type[admin.AllValuesFieldListFilter]]:
    """A list filter by the values that occur, each by its word."""

    class Filter(admin.AllValuesFieldListFilter):
        def choices(self, changelist: Any) -> Any:
            for choice in super().choices(changelist):
                yield {**choice, "display": words.get(str(choice["display"]), choice["display"])}

    return field, Filter


class Named:
    """For rows whose own name is a key: the page and its breadcrumb call them as `named` says."""

    def named(self, row: Any) -> str:
        raise NotImplementedError

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := context.get("original"):
            row.in_words = context["subtitle"] = self.named(row)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return response
