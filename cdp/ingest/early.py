"""Events that came before their member: all their identities are weak and name nobody yet.

They wait sealed, found by the blind index of what they carry, and are stored in the transaction that tells whose it is, as if
they came then. What waits for an identity that turns weak for good is stored as nobody's. (That a batch which brings an event and
one that brings its member cannot miss each other, `cdp/resolving.py` sees to.)
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db import connection

from cdp import feed, identity, personal
from cdp.identity import Key, strength
from cdp.ingest import batch, tables
from cdp.ingest.batch import Parsed
from cdp.ingest.rows import EventRow
from cdp.models import Parked, Source
from cdp.resolving import Resolved
from config.ground import blinds, crypto

KIND = "event"
Whose = tuple[int, int] | None  # member and the identity that named it; None: nobody's


def park(parsed: list[Parsed], found: Resolved, source: Source, history: bool, now: datetime) -> set[int]:
    """Put aside those that wait for their member; returns their places. An event whose identities all name nobody for good
    waits for nothing.
    """
    waiting = {
        n: keys
        for n in found.weak
        if found.members[n] is None and (keys := [key for key in parsed[n].keys if key not in found.spent])
    }
    version = blinds.versions().written
    Parked.objects.bulk_create(
        Parked(
            kind=KIND,
            source=source,
            external_id=parsed[n].row.id,
            waits_for=", ".join(sorted({f"{key.kind}@{key.app}" if key.app else key.kind for key in keys})),
            row={"history": history},
            sealed=crypto.seal(msgspec.json.encode(parsed[n].row).decode()),
            blinds=[key.blind(version) for key in keys],
            blind_key=version,
            parked_at=now,
            why=Parked.Why.NO_MEMBER,
        )
        for n, keys in sorted(waiting.items())
    )
    return set(waiting)


def release(found: Resolved, *, now: datetime) -> int:
    """Store what waited for the identities of a batch. Returns how many events."""
    if not found.told and not found.spent:
        return 0
    versions = blinds.versions()
    told = [blind for key in found.told for blind in key.blinds(versions)]
    spent = [blind for key in found.spent for blind in key.blinds(versions)]
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM cdp_parked
               WHERE kind = %s AND (blinds && %s::bytea[] OR blinds && %s::bytea[] AND blinds <@ %s::bytea[])
               RETURNING id, source_id, sealed, (row->>'history')::bool""",
            [KIND, told, spent, spent],
        )
        parked = sorted(cursor.fetchall())
    rows = [
        msgspec.json.decode(crypto.unseal(bytes(sealed)), type=EventRow) for _id, _source, sealed, _history in parked
    ]
    whose = [_whose([identity.parse(text) for text in row.identities], found) for row in rows]
    said = [
        personal.Said(row.type, named[0] if named else None, row.properties)
        for row, named in zip(rows, whose, strict=True)
    ]
    ids = tables.copy_events(
        [
            (row.occurred_at, *(named or (None, None)), source, row.id, row.type, *apart)
            for row, named, (_id, source, _sealed, _history), apart in zip(
                rows, whose, parked, personal.part(said, now=now), strict=True
            )
        ],
        now=now,
    )
    heard = [
        (history, feed.Heard(row.type, id, named[0], row.occurred_at))
        for id, row, named, (_id, _source, _sealed, history) in zip(ids, rows, whose, parked, strict=True)
        if named
    ]
    feed.tell(feed.PROFILE, [one for history, one in heard if not history])
    batch.dirty(KIND, ((one.ref, one.member, one.at) for history, one in heard if history), True, now)
    return len(parked)


def _whose(keys: list[Key], found: Resolved) -> Whose:
    for key in sorted(keys, key=strength):
        if key in found.told:
            return found.told[key], found.ids[key]
    return None
