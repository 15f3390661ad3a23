"""What a member is said to be: attributes by name. Who says so is a source; the values are personal and in no trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import consents, feed, roots, third_parties
from cdp.errors import Erased, Fault, TooManyAttributes, Undescribed
from cdp.ingest import tables
from cdp.models import Member, Source
from config.ground import audit, texts
from config.ground.nudge import nudge

MOST = 200  # attributes of a member
LONGEST = {"name": 200}
LONGEST_NAME, LONGEST_VALUE = 100, 2000


def fault(attributes: Mapping[str, Any]) -> Fault | None:
    """The first thing that is wrong with attributes that a source sends. Their names and texts are shown to people."""
    for name, value in attributes.items():
        if not name:
            return Fault("attributes", "wrong_length", _("an attribute has a name"))
        if wrong := texts.fault(name, LONGEST_NAME):
            return Fault("attributes", *wrong)
        if found := _value(value, f"attributes.{name}", LONGEST.get(name, LONGEST_VALUE)):
            return found
    return None


def _value(value: Any, path: str, longest: int) -> Fault | None:
    """Also what is nested in it; all of it together is no longer than a text may be, tenfold."""
    if isinstance(value, str):
        wrong = texts.fault(value, longest)
        return Fault(path, *wrong) if wrong else None
    if isinstance(value, (list, dict)):
        if len(json.dumps(value, ensure_ascii=False)) > 10 * longest:
            return Fault(path, "wrong_length", _("at most %(n)d characters together") % {"n": 10 * longest})
        if isinstance(value, dict):
            for name in value:
                if wrong := texts.fault(name, LONGEST_NAME):
                    return Fault(path, *wrong)
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for at, item in inner:
            if fault := _value(item, f"{path}.{at}" if isinstance(value, dict) else f"{path}[{at}]", longest):
                return fault
    return None


@transaction.atomic
def describe(member: int, said: Mapping[str, Any], *, actor: str, source: str, now: datetime) -> bool:
    """Set attributes, and remove those that are said to be None. False: the member was so already, and nothing is told.

    Raises TooManyAttributes, Undescribed, Erased. The trace has the names of what changed, never a value.
    """
    member, by = roots.hold([member], alone=True).get(member, member), Source.objects.filter(code=source).first()
    if Member.objects.filter(pk=member, erased_at__isnull=False).exists():
        raise Erased
    if fault := third_parties.refusal(member, by) or consents.keeps_young(member, said, by, now=now):
        raise Undescribed(fault)
    given = {name: value for name, value in said.items() if value is not None}
    removed = [name for name, value in said.items() if value is None]
    third_parties.note({member: given}, by)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE cdp_member SET attributes = (attributes || %(given)s::jsonb) - %(removed)s::text[]
               WHERE id = %(member)s AND attributes IS DISTINCT FROM (attributes || %(given)s::jsonb) - %(removed)s::text[]
               RETURNING (SELECT count(*) FROM jsonb_object_keys(attributes))""",
            {"member": member, "given": json.dumps(given, ensure_ascii=False), "removed": removed},
        )
        changed = cursor.fetchone()
    if changed is None:
        return False
    if changed[0] > MOST:
        raise TooManyAttributes(MOST)
    if given.get("birthday"):
        consents.suspend_children([member], source=source, now=now)
    audit.note(
        actor,
        "member.described",
        f"member:{member}",
        now=now,
        source=source,
        set=sorted(given),
        removed=sorted(removed),
    )
    [ref] = tables.next_ids("cdp_feedrow", 1)
    feed.tell(feed.PROFILE, [feed.Heard("member", ref, member, now)])
    nudge("cdp.absorb")
    return True
