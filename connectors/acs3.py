"""Aliyun's request signature, version 3 (ACS3-HMAC-SHA256). The one law: what is signed is what is sent, byte for byte."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, urlsplit


def encode(pairs: Mapping[str, str]) -> str:
    """RFC 3986, sorted by name."""
    return "&".join(f"{quote(name, safe='~')}={quote(pairs[name], safe='~')}" for name in sorted(pairs))


def sign(
    key_id: str,
    secret: str,
    *,
    url: str,
    action: str,
    version: str,
    nonce: str,
    date: str,
    query: Mapping[str, str] | None = None,
    body: bytes = b"",
    content_type: str = "",
) -> dict[str, str]:
    """The headers of a POST to `url`, `date` in real UTC like 2023-10-26T10:22:32Z."""
    parts = urlsplit(url)
    headers = {
        "host": parts.netloc,
        "x-acs-action": action,
        "x-acs-content-sha256": sha256(body).hexdigest(),
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    if content_type:
        headers["content-type"] = content_type
    names = sorted(headers)
    canonical = "\n".join(
        [
            "POST",
            parts.path or "/",
            encode(query or {}),
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            ";".join(names),
            headers["x-acs-content-sha256"],
        ]
    )
    text = f"ACS3-HMAC-SHA256\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), sha256).hexdigest()
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return headers
