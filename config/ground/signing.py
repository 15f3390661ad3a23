"""Signed calls: who holds the key and its secret says exactly this, now, once.

A signature covers method, path, query, instant, nonce and body. A nonce is a row: no flushed cache lets a call in twice.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qsl, quote

from django.db import connection
from django.http import HttpRequest
from django.utils.translation import gettext as _

from config.ground import crypto
from config.ground.models import ApiKey
from config.ground.problems import Refused

SCHEME = "HUITOU-HMAC-SHA256"
TIMESTAMP, NONCE, SIGNATURE = "X-Signature-Timestamp", "X-Signature-Nonce", "X-Signature"
TOLERANCE = 300  # seconds of real time, either way
_SECONDS = re.compile(r"[0-9]{10}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


def text(method: str, path: str, query: str, timestamp: str, nonce: str, body: bytes) -> str:
    """What is signed. `path` as it is understood (not percent-encoded), `query` as it was sent."""
    pairs = sorted(
        (_quoted(name), _quoted(value))
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    )
    return "\n".join(
        [
            SCHEME,
            method.upper(),
            quote(path, safe="/", errors="surrogateescape"),
            "&".join(f"{name}={value}" for name, value in pairs),
            timestamp,
            nonce,
            sha256(body).hexdigest(),
        ]
    )


def signature(secret: str, signed: str) -> str:
    return hmac.digest(secret.encode(), signed.encode(), sha256).hex()


def verify(key: ApiKey, request: HttpRequest, body: Callable[[], bytes]) -> None:
    """Let the call in, or refuse it with 401; whatever is wrong, the answer is the same."""
    given = [request.headers.get(name, "") for name in (TIMESTAMP, NONCE, SIGNATURE)]
    if key.signing != ApiKey.Signing.REQUIRED and not any(given):
        return
    timestamp, nonce, said = given
    if key.signing_secret is None or not _timely(timestamp) or not _NONCE.fullmatch(nonce):
        raise _refusal()
    signed = text(request.method or "", request.path, request.META.get("QUERY_STRING", ""), timestamp, nonce, body())
    right = signature(crypto.unseal(bytes(key.signing_secret)), signed)
    if not hmac.compare_digest(right.encode(), said.encode("utf-8", "surrogatepass")):
        raise _refusal()
    if not _first(key, nonce):
        raise _refusal()


def _timely(timestamp: str) -> bool:
    return bool(_SECONDS.fullmatch(timestamp)) and abs(time.time() - int(timestamp)) <= TOLERANCE


def _first(key: ApiKey, nonce: str) -> bool:
    """Committed before the call does anything: of two at once, one is let in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ground_nonce (api_key_id, nonce) VALUES (%s, %s) ON CONFLICT DO NOTHING", [key.pk, nonce]
        )
        return cursor.rowcount == 1


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="surrogateescape")


def _refusal() -> Refused:
    why = _("the signature does not fit this call, is not of this moment, or was used before")
    return Refused(401, "bad_signature", why, WWW_Authenticate='Bearer realm="huitou"')
