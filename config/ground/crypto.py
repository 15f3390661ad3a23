"""Secrets and identities at rest: sealed with AES-256-GCM under FIELD_KEY, found again by a keyed blind index.

A sealed value is `key id (1 byte length + ascii) | nonce (12) | ciphertext`. FIELD_KEY holds one key or several, newest first.
The first seals; each value is opened with the key that it names. A blind is an HMAC under one version of the blind key: the keys
of BLIND_KEY, and one that is derived from each FIELD_KEY (`field:ID`), which is what an installation without BLIND_KEY uses.
Which version is written is a row of the database (blinds.py). Sealing and blinding never share key material.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE = 12
OF_FIELD = "field:"  # before the id of the FIELD_KEY that a blind key is derived from


class Unreadable(Exception):
    """The value was sealed under a key that this host does not have."""


class KeyMissing(Exception):
    """The database needs a key that this host does not have. Never to be taken for "there is no such member"."""


@cache
def _ring(setting: str) -> dict[str, bytes]:
    """`ID:64 hex digits` between commas (env.key_ring saw to the form) -> id: 32 bytes, newest first."""
    pairs = (key.strip().partition(":") for key in setting.split(",") if key.strip())
    return {key_id: bytes.fromhex(digits) for key_id, _colon, digits in pairs}


def field_keys() -> tuple[str, ...]:
    """The ids of FIELD_KEY, newest first."""
    return tuple(_ring(settings.FIELD_KEY))


def blind_keys() -> tuple[str, ...]:
    """The versions of the blind key that this host has, newest first."""
    return (*_ring(settings.BLIND_KEY), *(OF_FIELD + key_id for key_id in field_keys()))


@cache
def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(master)


@cache
def _aead(master: bytes) -> AESGCM:
    return AESGCM(_derive(master, b"huitou seal"))


def prefix(key_id: str) -> bytes:
    """What every value that is sealed under this key begins with."""
    return bytes([len(key_id)]) + key_id.encode()


def sealed_under(sealed: bytes) -> str:
    """The id of the key that the value names."""
    return bytes(sealed[1 : 1 + sealed[0]]).decode("ascii", "replace")


def seal(text: str) -> bytes:
    return seal_bytes(text.encode())


def unseal(sealed: bytes) -> str:
    """Raises Unreadable, which says the id of the key and nothing of the value."""
    return unseal_bytes(sealed).decode()


def seal_bytes(content: bytes) -> bytes:
    key_id, master = next(iter(_ring(settings.FIELD_KEY).items()))
    nonce = os.urandom(NONCE)
    return prefix(key_id) + nonce + _aead(master).encrypt(nonce, content, key_id.encode())


def unseal_bytes(sealed: bytes) -> bytes:
    """Raises Unreadable, which says the id of the key and nothing of the value."""
    sealed = bytes(sealed)
    key_id = sealed_under(sealed)
    master = _ring(settings.FIELD_KEY).get(key_id)
    if master is None:
        raise Unreadable(f"sealed under the key {key_id!r}; FIELD_KEY has {', '.join(field_keys())}")
    start = 1 + sealed[0]
    nonce, ciphertext = sealed[start : start + NONCE], sealed[start + NONCE :]
    try:
        return _aead(master).decrypt(nonce, ciphertext, key_id.encode())
    except InvalidTag:
        raise Unreadable(
            f"sealed under a key {key_id!r}, which is another than that of FIELD_KEY, or altered"
        ) from None


@cache
def _blinding(blind_setting: str, field_setting: str, version: str) -> bytes:
    of_field = version.startswith(OF_FIELD)
    ring = _ring(field_setting if of_field else blind_setting)
    master = ring.get(version.removeprefix(OF_FIELD))
    if master is None:
        setting = "FIELD_KEY" if of_field else "BLIND_KEY"
        raise KeyMissing(
            f"{setting} lacks the key {version.removeprefix(OF_FIELD)!r}, which the database looks up with"
        )
    return _derive(master, b"huitou blind")


def blind(version: str, *parts: str) -> bytes:
    """A 32-byte look-up key for a value that is never stored in the clear. Raises KeyMissing."""
    return blinder(version)(*parts)


def blinder(version: str) -> Callable[..., bytes]:
    """`blind` for many: the key is looked for and laid out once. Raises KeyMissing."""
    keyed = hmac.new(_blinding(settings.BLIND_KEY, settings.FIELD_KEY, version), digestmod=sha256)

    def blind(*parts: str) -> bytes:
        one = keyed.copy()
        one.update("\x1f".join(parts).encode())
        return one.digest()

    return blind


def proof(version: str) -> bytes:
    """By which two hosts know that they mean the same key by one name. No identity has these parts."""
    return blind(version, "proof of the key")
