"""Personal properties of events: declared per type, taken out of what is stored in the clear, sealed under the member's data key.

They are kept for the member's own sake (to show on request, to export) and for nothing else: no condition, template or figure
reads them. Of an event that belongs to nobody they are not kept at all, since nobody could have them erased.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import Struct

from cdp import datakeys
from cdp.errors import InvalidEventType
from cdp.models import EventType
from config.ground import audit

LONGEST = 100  # characters of a name
MOST = 50  # names of a type
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,49}")


class Said(Struct, frozen=True):
    """An event's type, whose it is, and its properties."""

    type: str
    member: int | None
    properties: dict[str, Any]


def declared() -> dict[str, frozenset[str]]:
    """Type -> the names of its personal properties; types without any are left out."""
    rows = EventType.objects.exclude(personal=[]).values_list("code", "personal")
    return {code: frozenset(names) for code, names in rows}


def part(events: Sequence[Said], *, now: datetime) -> list[tuple[dict[str, Any], bytes | None]]:
    """What each event may say in the clear, and the rest of it sealed; in the caller's transaction."""
    names = declared()
    if not names:
        return [(event.properties, None) for event in events]
    apart = [_apart(event.properties, names.get(event.type, frozenset())) for event in events]
    kept = [n for n, event in enumerate(events) if event.member is not None and apart[n][1]]
    sealed: dict[int, bytes] = {}
    if kept:
        texts = [json.dumps(apart[n][1], ensure_ascii=False) for n in kept]
        members = [member for n in kept if (member := events[n].member) is not None]
        sealed = dict(zip(kept, datakeys.seal_for(members, texts, now=now), strict=True))
    return [(clear, sealed.get(n)) for n, (clear, _personal) in enumerate(apart)]


def _apart(properties: dict[str, Any], names: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    if not names or names.isdisjoint(properties):
        return properties, {}
    clear = {name: value for name, value in properties.items() if name not in names}
    return clear, {name: value for name, value in properties.items() if name in names}


def check(code: str, personal: Sequence[str]) -> None:
    """Raise InvalidEventType with what would be right."""
    if not _CODE.fullmatch(code):
        raise InvalidEventType(_("a code is small letters, digits and _, and begins with a letter"))
    if "." in code and personal:
        raise InvalidEventType(_("our own events say nothing personal"))
    if len(personal) > MOST or any(not 0 < len(name) <= LONGEST or not name.isprintable() for name in personal):
        raise InvalidEventType(
            _("at most %(most)d names of 1 to %(longest)d characters") % {"most": MOST, "longest": LONGEST}
        )
    if len(set(personal)) < len(personal):
        raise InvalidEventType(_("a name stands here twice"))


@transaction.atomic
def declare(
    code: str, *, label: str = "", personal: Sequence[str] = (), retention_days: int | None, actor: str, now: datetime
) -> EventType:
    """Say what is to be known of a type of events. It counts for what comes in from now on."""
    check(code, personal)
    before = EventType.objects.select_for_update().filter(code=code).first()
    said = {"label": label, "personal": sorted(personal), "retention_days": retention_days}
    kept, _made = EventType.objects.update_or_create(code=code, defaults=said)
    was = {name: getattr(before, name) for name in said} if before else None
    if was != said:
        audit.note(actor, "event_type.declared", f"event_type:{code}", now=now, before=was, after=said)
    return kept
