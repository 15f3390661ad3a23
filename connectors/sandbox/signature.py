"""Verify ACS3-HMAC-SHA256 from what came over the wire, whatever headers the caller chose to sign."""

from __future__ import annotations

import hmac
import threading
import time
from calendar import timegm
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl, quote

SKEW = 15 * 60  # seconds


class Refused(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class Verifier:
    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret
        self.lock = threading.Lock()
        self.nonces: dict[str, float] = {}

    def verify(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
        algorithm, _, rest = headers.get("authorization", "").partition(" ")
        said = dict(part.partition("=")[::2] for part in rest.split(","))
        if algorithm != "ACS3-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= said.keys():
            raise Refused("IncompleteSignature")
        if said["Credential"] != self.key_id:
            raise Refused("InvalidAccessKeyId.NotFound", 404)
        signed = said["SignedHeaders"].split(";")
        must = {n for n in headers if n.startswith("x-acs-") or n in ("host", "content-type")}
        if not must <= set(signed) or headers.get("x-acs-content-sha256") != sha256(body).hexdigest():
            raise Refused("SignatureDoesNotMatch")
        if not hmac.compare_digest(self._signature(method, path, query, headers, signed, body), said["Signature"]):
            raise Refused("SignatureDoesNotMatch")
        self._fresh(headers.get("x-acs-date", ""), headers.get("x-acs-signature-nonce", ""))

    def _signature(
        self, method: str, path: str, query: str, headers: Mapping[str, str], signed: list[str], body: bytes
    ) -> str:
        pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in parse_qsl(query, keep_blank_values=True))
        lines = [method, path, "&".join(f"{k}={v}" for k, v in pairs)]
        lines.append("".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed))
        lines += [";".join(signed), sha256(body).hexdigest()]
        text = "ACS3-HMAC-SHA256\n" + sha256("\n".join(lines).encode()).hexdigest()
        return hmac.new(self.secret.encode(), text.encode(), sha256).hexdigest()

    def _fresh(self, date: str, nonce: str) -> None:
        """Real time, whatever time the brand lives in; a nonce is good once."""
        now = time.time()
        try:
            at = timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            raise Refused("InvalidTimeStamp.Format") from None
        if abs(now - at) > SKEW:
            raise Refused("InvalidTimeStamp.Expired")
        with self.lock:
            self.nonces = {n: t for n, t in self.nonces.items() if now - t < 2 * SKEW}
            if not nonce or nonce in self.nonces:
                raise Refused("SignatureNonceUsed")
            self.nonces[nonce] = now
