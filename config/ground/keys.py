"""Partner keys: shown once, stored as a hash, compared in constant time. A key is bound to one source and carries scopes."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.utils.translation import gettext as _

from config.ground import audit
from config.ground.models import ApiKey

SCOPES = ("ingest", "members", "members:all", "segments", "journeys", "points", "messages", "metrics", "admin")
_OF_A_SOURCE = {"ingest", "members"}  # scopes that mean the rows of the key's own source


class InvalidKey(ValueError):
    """A key that cannot be made as asked."""


def check(name: str, scopes: Collection[str], source: str) -> None:
    """Raise InvalidKey with what would be right."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise InvalidKey(
            _("unknown scopes: %(unknown)s; known: %(known)s")
            % {"unknown": ", ".join(unknown), "known": ", ".join(SCOPES)}
        )
    if not scopes:
        raise InvalidKey(_("a key needs at least one scope; known: %(known)s") % {"known": ", ".join(SCOPES)})
    if not source and (bound := sorted(_OF_A_SOURCE & set(scopes))):
        raise InvalidKey(_("%(scopes)s need the source that the key is bound to") % {"scopes": ", ".join(bound)})
    if not name or ApiKey.objects.filter(name=name).exists():
        raise InvalidKey(_("a key needs a name that no other key has"))


@transaction.atomic
def create(name: str, scopes: Collection[str], source: str = "", *, actor: str, now: datetime) -> str:
    """Make a key and return it in the clear; nobody can read it again."""
    check(name, scopes, source)
    prefix = secrets.token_hex(4)
    clear = f"hk_{prefix}_{secrets.token_urlsafe(32)}"
    ordered = [scope for scope in SCOPES if scope in scopes]
    ApiKey.objects.create(name=name, prefix=prefix, hashed=_hash(clear), scopes=ordered, source=source, created_at=now)
    audit.note(actor, "api_key.created", f"api_key:{name}", now=now, scopes=ordered, source=source)
    return clear


@transaction.atomic
def revoke(key: ApiKey, *, actor: str, now: datetime) -> bool:
    """From the commit on the key opens nothing. False: it was revoked before."""
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    audit.note(actor, "api_key.revoked", f"api_key:{key.name}", now=now)
    return True


def authenticate(clear: str) -> ApiKey | None:
    prefix = clear.removeprefix("hk_").partition("_")[0]
    key = ApiKey.objects.filter(prefix=prefix, revoked_at=None).first() if prefix.isalnum() else None
    if key and hmac.compare_digest(bytes(key.hashed), _hash(clear)):
        return key
    return None


def _hash(clear: str) -> bytes:
    return sha256(clear.encode("utf-8", "surrogatepass")).digest()
