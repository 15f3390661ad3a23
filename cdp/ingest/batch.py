"""What every kind of row goes through: remembered by what it says, told apart from what was stored before, told on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from django.utils.translation import gettext as _

from cdp import feed, identity
from cdp.errors import Rejected
from cdp.ingest import tables
from cdp.models import Source

HISTORY = "history"  # told to the profile in place of a fact that must trigger nothing
LATER = {"exchange_of"}  # fields that rows did not have when the first were remembered
WHOLE, EACH = 16, 4  # bytes of a mark: of all that a row says, and of each field of it
_SORTED = msgspec.json.Encoder(order="sorted")
_SHORT = 20  # bytes of a value whose mark is kept


@dataclass
class Accepted:
    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)  # indexes of the stored, of kinds whose rows have ids
    due: list[int] = field(default_factory=list)  # pairs of members to be joined once the batch is stored
    parked: int = 0  # of the accepted: those that wait for the row they belong to


class Parsed(msgspec.Struct, frozen=True):
    index: int
    row: Any
    keys: list[identity.Key]
    content: bytes


def marks(row: msgspec.Struct) -> bytes:
    """What a row says, however its instants or keys were written: of the whole, then of each field in the struct's order, so
    that a conflict can name what differs. Identities have no mark of their own; all of it is stored under a veil (tables.py).
    """
    if "id" not in row.__struct_fields__:
        return b""  # not remembered: it is a duplicate when it says nothing new
    layout = _layout(row.__class__, tuple(_fields(row)))
    said = [_SORTED.encode(_utc(value) if isinstance(value, datetime) else value) for value in layout.get(row)]
    each = [_mark(said[n]) if len(said[n]) <= _SHORT else _hash(said[n], EACH) for n in layout.marked]
    return _hash(layout.whole % tuple(said), WHOLE) + b"".join(each)


class _Layout(NamedTuple):
    """How rows of a shape are written: their fields as the encoder would sort them, and which have a mark of their own."""

    get: Callable[[Any], tuple[Any, ...]]
    whole: bytes
    marked: list[int]


@cache
def _layout(shape: type[msgspec.Struct], fields: tuple[str, ...]) -> _Layout:
    names = sorted(fields)
    whole = b"{" + b",".join([b'"%b":%%b' % name.encode() for name in names]) + b"}"
    return _Layout(attrgetter(*names), whole, [names.index(name) for name in _marked(dict.fromkeys(fields))])


def _hash(text: bytes, size: int) -> bytes:
    return hashlib.sha256(text).digest()[:size]


@lru_cache(maxsize=1_000)
def _mark(text: bytes) -> bytes:
    """Of what many rows say, such as a type, a channel, or nothing."""
    return _hash(text, EACH)


def _fields(row: msgspec.Struct) -> list[str]:
    """Those that came later are no part of what a row says until they say something: what was remembered before stays known."""
    return [name for name in row.__struct_fields__ if name not in LATER or getattr(row, name)]


def _marked(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in ("id", "identities")}


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def differing(row: msgspec.Struct, content: bytes, stored: bytes) -> list[str]:
    """The fields of a row that are not as they were stored; empty when that is not known."""
    if len(stored) != len(content):
        return []  # the two do not say the same fields
    names = list(_marked(dict.fromkeys(_fields(row))))
    spans = [slice(WHOLE + EACH * n, WHOLE + EACH * (n + 1)) for n in range(len(names))]
    found = [name for name, span in zip(names, spans, strict=True) if content[span] != stored[span]]
    return found or ["identities"]


def unseen(kind: str, parsed: list[Parsed], source: Source, answer: Accepted) -> list[Parsed]:
    """Those not stored before, each once; counts duplicates and names conflicts, within the batch too."""
    first: dict[str, Parsed] = {}
    again: list[Parsed] = []
    for p in parsed:
        if first.setdefault(p.row.id, p) is not p:
            again.append(p)
    fresh = tables.remember(kind, source, {key: p.content for key, p in first.items()})
    again += [p for key, p in first.items() if key not in fresh]
    stored = tables.stored_content(kind, source, [p.row.id for p in again])
    for p in again:
        if not stored[p.row.id] or stored[p.row.id][:WHOLE] == p.content[:WHOLE]:  # nothing: it was erased
            answer.duplicates += 1
        else:
            answer.rejected.append(Rejected(p.index, "id", "conflict", _conflict(p, stored[p.row.id])))
    answer.fresh = [p.index for key, p in first.items() if key in fresh]
    return [p for key, p in first.items() if key in fresh]


def _conflict(p: Parsed, stored: bytes) -> str:
    if fields := differing(p.row, p.content, stored):
        return _("this id was stored before with other content; what differs: %(fields)s") % {
            "fields": ", ".join(fields)
        }
    return _("this id was stored before with other content")


def dirty(kind: str, facts: Iterable[tuple[int, int | None, datetime]], history: bool, now: datetime) -> None:
    """Tell the profile. History is told once per member and batch, under a kind that nobody listens to."""
    heard = [feed.Heard(kind, ref, member, at) for ref, member, at in facts if member is not None]
    if history:
        members = sorted({fact.member for fact in heard})
        # A ticket of its own each: a row of an earlier batch may be taken by a drain that does not see ours yet.
        tickets = tables.next_ids("cdp_feedrow", len(members))
        heard = [feed.Heard(HISTORY, ticket, member, now) for ticket, member in zip(tickets, members, strict=True)]
    feed.tell(feed.PROFILE, heard, new=history)
