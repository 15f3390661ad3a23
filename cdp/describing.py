"""What a member is said to be: attributes by name. Who says so is a source; the values are personal and in no trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import feed
from cdp.errors import Fault, TooManyAttributes
from cdp.ingest import tables
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
        path = f"attributes.{name}"
        for n, text in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(text, str) and (wrong := texts.fault(text, LONGEST.get(name, LONGEST_VALUE))):
                return Fault(f"{path}[{n}]" if isinstance(value, list) else path, *wrong)
    return None


@transaction.atomic
def describe(member: int, said: Mapping[str, Any], *, actor: str, source: str, now: datetime) -> bool:
    """Set attributes, and remove those that are said to be None. False: the member was so already, and nothing is told.

    Raises TooManyAttributes. The trace has the names of what changed, never a value.
    """
    given = {name: value for name, value in said.items() if value is not None}
    removed = [name for name, value in said.items() if value is None]
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
