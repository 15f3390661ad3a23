"""One member's storm slows nobody else: so many events a minute are taken for one member, the others are told to come later.

A member is whom the row's strongest identity names, under a keyed hash: no identity stands in Valkey. Like a key's rate this is a
courtesy; while Valkey is away everything is taken. Files are not paced: they are somebody's past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b, sha256
from math import ceil
from typing import Any

from django.conf import settings
from django.utils.translation import ngettext

from cdp import identity
from cdp.errors import Rejected
from config.ground import rate

Read = tuple[int, Any, list[identity.Key]]  # index, row, identities


def pace(rows: Sequence[Read]) -> tuple[list[Read], list[Rejected]]:
    """The rows that are taken now, in their order, and the rejections of those that are too many."""
    secret = sha256(settings.SECRET_KEY.encode()).digest()
    subjects = [_subject(keys, secret) for _index, _row, keys in rows]
    if not subjects:
        return [], []
    let_in: dict[str, int] = rate.take_many(Counter(subjects), settings.EVENTS_PER_MEMBER)
    kept, rejected = [], []
    for subject, row in zip(subjects, rows, strict=True):
        if let_in[subject] > 0:
            let_in[subject] -= 1
            kept.append(row)
        else:
            rejected.append(Rejected(row[0], "identities", "too_many", _message()))
    return kept, rejected


def _subject(keys: Sequence[identity.Key], secret: bytes) -> str:
    strongest = keys[0] if len(keys) == 1 else min(keys, key=identity.strength)
    named = "\x1f".join(strongest.at).encode()
    return f"storm:{blake2b(named, key=secret, digest_size=20).hexdigest()}"


def _message() -> str:
    most = settings.EVENTS_PER_MEMBER
    said = {"most": most, "seconds": ceil(60 / most)}
    return (
        ngettext(
            "more than %(most)d events a minute of one member; send it again in a second or later",
            "more than %(most)d events a minute of one member; send it again in %(seconds)d seconds or later",
            said["seconds"],
        )
        % said
    )
