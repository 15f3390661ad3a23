"""The Chinese catalogue: what the code and templates say, and what the .po file makes of it. For developers (Babel).

`manage.py translations` adds new texts to the .po file and compiles it; `--check` only tells what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract as read_source
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
ROOMS = ("config", "cdp", "loyalty", "connectors", "automation")
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
}  # fmt: skip
# What the admin's theme says in the pages we show; it ships no Chinese of its own.
THEME = ROOT / "locale" / "theme.txt"

Message = str | tuple[str, ...]


def extract() -> dict[Message, str]:
    """Every translatable text -> where it is said first."""
    said: dict[Message, str] = {}
    for path in sorted(p for room in ROOMS for p in (ROOT / room).rglob("*") if p.suffix in (".py", ".html")):
        text = path.read_text()
        source = templatize(text, origin=str(path)) if path.suffix == ".html" else text
        for _line, message, _comments, _context in read_source("python", BytesIO(source.encode()), KEYWORDS):
            said.setdefault(message, str(path.relative_to(ROOT)))
    if THEME.exists():
        for line in filter(None, THEME.read_text().splitlines()):
            said.setdefault(line, THEME.name)
    return said


def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def missing() -> list[Message]:
    known = catalogue()
    return [message for message in extract() if message not in known or not _whole(known[message].string)]


def update() -> list[Message]:
    """Write the .po file anew with all that is said, keep what is translated, compile. Returns what lacks Chinese."""
    old, new = catalogue(), Catalog(locale="zh_Hans", project="Huitou", fuzzy=False)
    for message, where in sorted(extract().items(), key=lambda item: (item[1], str(item[0]))):
        known = old[message].string if message in old else ""
        new.add(message, known or (("",) if isinstance(message, tuple) else ""), locations=[(where, 0)])
    new.creation_date = new.revision_date = old.creation_date
    with CATALOGUE.open("wb") as file:
        write_po(file, new, width=120, include_lineno=False, omit_header=False)
    with CATALOGUE.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue())
    return missing()


def _whole(text: str | Sequence[str] | None) -> bool:
    return bool(text) if isinstance(text, str) else bool(text and all(text))
