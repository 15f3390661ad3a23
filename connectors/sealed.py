"""This room's sealed columns, and its tables that know addresses by their blinds."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.db import connection

from config.ground.sealed import FOLLOWERS, Followers, Pairs, declare
from connectors.models import Attempt, BlockedAddress, ProviderAccount


def follow(pairs: Pairs, version: str) -> None:
    """What was sent to an address, what was heard of it, and that it is blocked, stay found by it."""
    old, new = [before for before, _now in pairs], [now for _before, now in pairs]
    changed = "unnest(%s::bytea[], %s::bytea[]) AS b (old, new)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE connectors_attempt a SET address = b.new, blind_key = %s FROM {changed}
                WHERE a.address = b.old RETURNING a.message_id""",
            [version, old, new],
        )
        messages = [row[0] for row in cursor.fetchall()]
        for which, more in (("r.message_id = ANY(%s)", [messages]), ("r.message_id IS NULL", [])):
            cursor.execute(
                f"UPDATE connectors_receipt r SET address = b.new FROM {changed} WHERE r.address = b.old AND {which}",
                [old, new, *more],
            )
        cursor.execute(
            f"""UPDATE connectors_blockedaddress a SET blind = b.new, blind_key = %s FROM {changed}
                WHERE a.blind = b.old
                  AND NOT EXISTS (SELECT FROM connectors_blockedaddress n WHERE (n.channel, n.blind) = (a.channel, b.new))""",
            [version, old, new],
        )
        cursor.execute("DELETE FROM connectors_blockedaddress WHERE blind = ANY(%s)", [old])


def stuck(version: str) -> Mapping[str, int]:
    """A blocked address that is no member's is known by its blind alone. Of what was sent to one that was erased nobody asks."""
    count = BlockedAddress.objects.filter(blind_key=version).count()
    return {BlockedAddress._meta.label: count} if count else {}


declare(ProviderAccount, "secrets", opens=json.loads)
FOLLOWERS.add(Attempt._meta.label, Followers(follow, stuck))
