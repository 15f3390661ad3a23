"""Keys that are made once and never change, kept in the database under FIELD_KEY; and the veil that one of them makes.

A veil hides what a short text says from whoever has the database alone: it is XORed with bytes that only the key and the row's
own name give. One row holds one text for ever, so the bytes serve once; the same text in the same row is the same again, which is
all that a comparison needs.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache

from django.db import connection

from config.ground import crypto


def key(name: str) -> bytes:
    """32 bytes; of two who ask first, one makes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM ground_wrappedkey WHERE name = %s", [name])
        if (row := cursor.fetchone()) is None:
            cursor.execute(
                "INSERT INTO ground_wrappedkey (name, sealed) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, crypto.seal(secrets.token_hex(32))],
            )
            cursor.execute("SELECT sealed FROM ground_wrappedkey WHERE name = %s", [name])
            row = cursor.fetchone()
    return _opened(bytes(row[0]))


@lru_cache(maxsize=8)
def _opened(sealed: bytes) -> bytes:
    return bytes.fromhex(crypto.unseal(sealed))


def veil(key: bytes, row: str, text: bytes) -> bytes:
    """The other way round it is the same."""
    stream = hashlib.shake_256(key + row.encode()).digest(len(text))
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(len(text))
