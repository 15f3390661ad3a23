"""Texts that people will read: none turns its writing round, holds control characters, or consists of what nobody sees."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

# Overrides, embeddings and isolates: a name with one of them rewrites the line that it stands in.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# They count as letters or symbols and show nothing: Hangul fillers, the empty Braille pattern.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"


def fault(text: str, longest: int) -> tuple[str, str] | None:
    """What is wrong with a text: code and message. Joiners stay, since emoji and Persian need them; an empty text is none."""
    if len(text) > longest:
        return "wrong_length", _("its length must be %(sign)s %(bound)s") % {"sign": "<=", "bound": longest}
    if _CONTROLS.search(text):
        return "control_character", _("a text here cannot contain control characters")
    if _TURNS.search(text):
        return "turned_text", _("a text here cannot turn the direction of writing")
    if text and all(_unseen(character) for character in text):
        return "invisible", _("nobody sees this text")
    return None


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Zs", "Zl", "Zp", "Cc", "Mn") or character in _BLANK_LETTERS
