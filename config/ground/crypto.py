"""Secrets and identities at rest: sealed with AES-256-GCM under FIELD_KEY, found again by a keyed blind index.

A sealed value is `key id (1 byte length + ascii) | nonce (12) | ciphertext`. The encryption key and the blind key are both
derived from FIELD_KEY, so one secret opens a backup and the two never meet.
"""

from __future__ import annotations

import hmac
import os
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The value was sealed under another FIELD_KEY."""


def field_key() -> tuple[str, bytes]:
    """`ID:64 hex digits` -> (id, 32 bytes)."""
    key_id, _, hex_key = settings.FIELD_KEY.partition(":")
    return key_id, bytes.fromhex(hex_key)


@cache
def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(master)


@cache
def _aead(master: bytes) -> AESGCM:
    return AESGCM(_derive(master, b"huitou seal"))


def seal(text: str) -> bytes:
    return seal_bytes(text.encode())


def unseal(sealed: bytes) -> str:
    return unseal_bytes(sealed).decode()


def seal_bytes(content: bytes) -> bytes:
    key_id, master = field_key()
    nonce = os.urandom(12)
    return bytes([len(key_id)]) + key_id.encode() + nonce + _aead(master).encrypt(nonce, content, key_id.encode())


def unseal_bytes(sealed: bytes) -> bytes:
    sealed = bytes(sealed)
    key_id, master = field_key()
    size = 1 + sealed[0]
    if sealed[1:size].decode() != key_id:
        raise Unreadable(f"sealed with FIELD_KEY {sealed[1:size].decode()!r}, running with {key_id!r}")
    return _aead(master).decrypt(sealed[size : size + 12], sealed[size + 12 :], key_id.encode())


def blind(*parts: str) -> bytes:
    """A 32-byte look-up key for a value that is never stored in the clear."""
    _, master = field_key()
    return hmac.digest(_derive(master, b"huitou blind"), "\x1f".join(parts).encode(), sha256)
