"""Whose columns are whose: ours by name, by `ours=theirs`, or from a mapping file. A constant stands for a whole column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml
from django.utils.translation import gettext as _

from cdp import identity
from cdp.errors import Unreadable


class Mapping(msgspec.Struct, forbid_unknown_fields=True):
    """What a mapping file says; flags speak over it."""

    columns: dict[str, str] = {}  # ours: theirs
    without: list[str] = []  # theirs, that are left out
    constants: dict[str, str | int | float | bool] = {}
    timezone: str = ""
    encoding: str = ""
    delimiter: str = ""
    currency: str = ""


@dataclass(frozen=True)
class Columns:
    """The file's columns by our names, in the file's order."""

    ours: list[str]  # "" is left out
    theirs: dict[str, str]  # ours -> theirs
    constants: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [*filter(None, self.ours), *self.constants]


def load(path: Path | None, pairs: Sequence[str] = (), **flags: str) -> Mapping:
    mapping = _read(path) if path else Mapping()
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours.strip() and equals and theirs.strip()):
            raise Unreadable(_("write a mapping as ours=theirs, not %(pair)s") % {"pair": pair})
        mapping.columns[ours.strip()] = theirs.strip()
    for name, value in flags.items():
        if value:
            setattr(mapping, name, value)
    _check(mapping)
    return mapping


def _check(mapping: Mapping) -> None:
    if mapping.timezone:
        try:
            ZoneInfo(mapping.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Unreadable(
                _("%(name)s is no time zone; write one like Asia/Shanghai") % {"name": mapping.timezone}
            ) from None
    mapping.delimiter = {"\\t": "\t", "tab": "\t"}.get(mapping.delimiter, mapping.delimiter)
    if len(mapping.delimiter) > 1 or mapping.delimiter in ('"', "\r", "\n"):
        raise Unreadable(_("a delimiter is one character, such as , ; | or tab"))


def _read(path: Path) -> Mapping:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
        return msgspec.convert(document, Mapping)
    except OSError as error:
        raise Unreadable(_("cannot read %(path)s: %(why)s") % {"path": path, "why": error.strerror}) from None
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Unreadable(
            _(
                "%(path)s is not a mapping of columns, without, constants, timezone, encoding, delimiter, currency: %(why)s"
            )
            % {"path": path, "why": error}
        ) from None


def resolve(columns: Sequence[str], mapping: Mapping) -> Columns:
    """Raises Unreadable where a mapping names what is not there, or two columns would be one."""
    ours_of: dict[str, str] = {}
    wishes = [*mapping.columns.items(), *(("", theirs) for theirs in mapping.without)]
    for wanted, theirs in wishes:
        if theirs not in columns:
            raise Unreadable(
                _("there is no column %(theirs)s; the file has: %(columns)s")
                % {"theirs": theirs, "columns": ", ".join(columns)}
            )
        if theirs in ours_of:
            raise Unreadable(_("the column %(name)s stands twice") % {"name": theirs})
        ours_of[theirs] = wanted
    ours = [ours_of.get(name, name) for name in columns]
    said = [*filter(None, ours), *mapping.constants]
    for name in said:
        if said.count(name) > 1:
            raise Unreadable(_("the column %(name)s stands twice") % {"name": name})
    theirs_of = {name: theirs for name, theirs in zip(ours, columns, strict=True) if name}
    return Columns(ours, theirs_of, dict(mapping.constants))


def names_member(column: str) -> bool:
    kind, _at, app = column.partition("@")
    return column == "identities" or (kind in identity.KINDS and bool(app) == (kind in identity.PER_APP))
