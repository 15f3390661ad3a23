"""A member's personal event properties are sealed under a key of that member alone; destroy the key, and nobody can open them.

A data key is 256 random bits, wrapped under FIELD_KEY in a table of its own, made when it is first needed. A sealed value names
its data key: `0 | id of the data key (8) | nonce (12) | ciphertext`. So a change of FIELD_KEY wraps the data keys anew and leaves
the values alone, and a merge moves neither: what was told of each of two members stays under each one's key, and who erases a
person destroys the keys of all members that were merged into one. An unmerge ends with `take_over`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from config.ground import crypto
from config.ground.proving import Fault, Proof

_MARK, _NONCE = b"\0", 12
_HEAD = len(_MARK) + 8
SLICE, SAMPLE = 2000, 50  # events that are proven at once, and when it is not all of them


def seal_for(members: Sequence[int], texts: Sequence[str], *, now: datetime) -> list[bytes]:
    """Each text under the data key of the member beside it; in the caller's transaction."""
    keys = _of_members(sorted(set(members)), now=now)
    return [_seal(*keys[member], text) for member, text in zip(members, texts, strict=True)]


def open_for(rows: Sequence[bytes]) -> list[str | None]:
    """The texts; None where the data key was destroyed. Only for who asks for the member's own data, never for a log."""
    wanted = {_key_of(row) for row in rows}
    keys = _by_id(wanted)
    return [_open(keys[_key_of(row)], row) if _key_of(row) in keys else None for row in rows]


def take_over(members: Sequence[int], *, now: datetime) -> int:
    """After an unmerge: what came while two were one, and was given back, is sealed anew under the key of whose it is now.
    Returns how many events. In the caller's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id, e.occurred_at, e.member_id, e.sealed FROM cdp_event e
               WHERE e.member_id = ANY(%s) AND e.sealed IS NOT NULL ORDER BY e.id FOR NO KEY UPDATE""",
            [sorted(set(members))],
        )
        rows = cursor.fetchall()
        own = _of_members(sorted({member for _id, _at, member, _sealed in rows}), now=now)
        others = [row for row in rows if _key_of(row[3]) != own[row[2]][0]]
        texts = open_for([sealed for _id, _at, _member, sealed in others])
        opened = [(row, text) for row, text in zip(others, texts, strict=True) if text is not None]
        anew = seal_for([row[2] for row, _text in opened], [text for _row, text in opened], now=now)
        cursor.execute(
            """UPDATE cdp_event e SET sealed = n.sealed
               FROM unnest(%s::bigint[], %s::timestamptz[], %s::bytea[]) AS n (id, occurred_at, sealed)
               WHERE (e.id, e.occurred_at) = (n.id, n.occurred_at)""",
            [[row[0] for row, _text in opened], [row[1] for row, _text in opened], anew],
        )
        return cursor.rowcount


def destroy(members: Iterable[int]) -> int:
    """Returns how many keys there were. What was sealed under them stays where it is and says nothing any more; neither do the
    marks by which a repeated row is told from another (ingest/batch.py), by which it could be guessed.
    """
    gone = sorted(set(members))
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE cdp_seen s SET content = '' FROM cdp_event e
               WHERE e.member_id = ANY(%s) AND e.sealed IS NOT NULL
                 AND s.kind = 'event' AND s.source_id = e.source_id AND s.external_id = e.external_id""",
            [gone],
        )
        cursor.execute("DELETE FROM cdp_datakey WHERE member_id = ANY(%s)", [gone])
        return cursor.rowcount


def prove(proof: Proof, *, everything: bool) -> None:
    """Add to a proof whether events open under the data keys that are there; one whose key was destroyed is no fault."""
    before = 2**63 - 1
    while rows := _sealed_before(before, SLICE if everything else SAMPLE):
        try:
            keys = _by_id({_key_of(sealed) for _id, sealed in rows})
        except (crypto.Unreadable, ValueError):  # which of them, the data keys' own proof says
            proof.faults.append(Fault("cdp.Event.sealed", "data keys do not open"))
            return
        for id, sealed in rows:
            if key := keys.get(_key_of(sealed)):
                _prove(proof, id, key, sealed)
        before = rows[-1][0]
        if not everything:
            return


def _sealed_before(id: int, limit: int) -> list[tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, sealed FROM cdp_event WHERE sealed IS NOT NULL AND id < %s ORDER BY id DESC LIMIT %s",
            [id, limit],
        )
        return cursor.fetchall()


def _prove(proof: Proof, id: int, key: AESGCM, sealed: bytes) -> None:
    try:
        _open(key, sealed)
        proof.proven["cdp.Event.sealed"] += 1
    except InvalidTag:
        proof.faults.append(Fault(f"cdp.Event.sealed {id}", "does not open under its data key"))


def _of_members(members: Sequence[int], *, now: datetime) -> Mapping[int, tuple[int, AESGCM]]:
    """Member -> (id, key); of two batches that need the first one of a member, one makes it and the other waits."""
    found = _select(members)
    if lacking := [member for member in members if member not in found]:
        fresh = [crypto.seal(secrets.token_hex(32)) for _member in lacking]
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO cdp_datakey (member_id, sealed_key, made_at)
                   SELECT member, sealed, %s FROM unnest(%s::bigint[], %s::bytea[]) AS k (member, sealed)
                   ON CONFLICT DO NOTHING""",
                [now, lacking, fresh],
            )
        found |= _select(lacking)
    return found


def _select(members: Sequence[int]) -> dict[int, tuple[int, AESGCM]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT member_id, id, sealed_key FROM cdp_datakey WHERE member_id = ANY(%s)", [list(members)])
        return {member: (id, unwrap(sealed)) for member, id, sealed in cursor.fetchall()}


def _by_id(ids: Iterable[int]) -> dict[int, AESGCM]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sealed_key FROM cdp_datakey WHERE id = ANY(%s)", [list(ids)])
        return {id: unwrap(sealed) for id, sealed in cursor.fetchall()}


def unwrap(sealed_key: bytes) -> AESGCM:
    """Never kept: a key that was destroyed lives on in no process."""
    return AESGCM(bytes.fromhex(crypto.unseal(sealed_key)))


def _key_of(sealed: bytes) -> int:
    return int.from_bytes(bytes(sealed[len(_MARK) : _HEAD]))


def _seal(id: int, key: AESGCM, text: str) -> bytes:
    head, nonce = _MARK + id.to_bytes(8), os.urandom(_NONCE)
    return head + nonce + key.encrypt(nonce, text.encode(), head)


def _open(key: AESGCM, sealed: bytes) -> str:
    sealed = bytes(sealed)
    head, nonce, ciphertext = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
    return key.decrypt(nonce, ciphertext, head).decode()
