"""The first part of a page's name: the section of the menu in which its list stands, else the room that it is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from config.site.navigation import SECTIONS

register = template.Library()


@register.simple_tag
def in_sections(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`parts` as the theme makes them: the room, the list, perhaps a row. In the menu, a list has the menu's name too."""
    if len(parts) < 2 or (found := _lists().get(str(parts[1].get("link", "")))) is None:
        return list(parts)
    section, name = found
    return [{"title": section}, {**parts[1], "title": name}, *parts[2:]]


def _lists() -> dict[str, tuple[Any, Any]]:
    """Where each list of the menu is -> its section and its name there."""
    lists = {}
    for section, entries in SECTIONS:
        for name, _icon, model in entries:
            try:
                lists[reverse(f"admin:{model.replace('.', '_')}_changelist")] = section, name
            except NoReverseMatch:
                continue
    return lists
