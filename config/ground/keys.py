"""Partner keys: shown once, stored as a hash, compared in constant time. A key is bound to one source and carries scopes.

To replace a key without a gap, make its successor: both live until the end that the old one is given. Never a third.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address, ip_network

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from config.ground import audit, clock, crypto
from config.ground.models import ApiKey

SCOPES = ("ingest", "members", "members:all", "segments", "journeys", "points", "messages", "metrics", "admin")
RATE, FASTEST = 6000, 1_000_000  # calls per minute
_OF_A_SOURCE = {"ingest", "members"}  # scopes that mean the rows of the key's own source


class InvalidKey(ValueError):
    """A key that cannot be made as asked."""


def check(name: str, scopes: Collection[str], source: str, networks: Sequence[str] = (), rate: int = RATE) -> None:
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
    if not 1 <= rate <= FASTEST:
        raise InvalidKey(_("a rate is 1 to %(most)d calls per minute") % {"most": FASTEST})
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise InvalidKey(
                _("%(text)s is no IP address or network such as 192.0.2.0/24") % {"text": network}
            ) from None


@transaction.atomic
def create(
    name: str,
    scopes: Collection[str],
    source: str = "",
    *,
    networks: Sequence[str] = (),
    rate: int = RATE,
    actor: str,
    now: datetime,
) -> str:
    """Make a key and return it in the clear; nobody can read it again."""
    check(name, scopes, source, networks, rate)
    ordered = [scope for scope in SCOPES if scope in scopes]
    clear, prefix, hashed = _fresh()
    ApiKey.objects.create(
        name=name,
        prefix=prefix,
        hashed=hashed,
        scopes=ordered,
        source=source,
        networks=list(networks),
        rate=rate,
        created_at=now,
    )
    audit.note(
        actor,
        "api_key.created",
        f"api_key:{name}",
        now=now,
        scopes=ordered,
        source=source,
        networks=list(networks),
        rate=rate,
    )
    return clear


@transaction.atomic
def replace(key: ApiKey, *, until: datetime, actor: str, now: datetime) -> str:
    """A successor that may do the same, and an end for the key. Returns the successor in the clear."""
    if until <= now:
        raise InvalidKey(_("the old key's end lies in the future"))
    ApiKey.objects.filter(name=key.name, revoked_at=None, expires_at__lte=now).update(revoked_at=F("expires_at"))
    try:
        with transaction.atomic():
            ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None, expires_at=None).update(expires_at=until)
    except IntegrityError:
        ended = 0
    if ended != 1:  # it has an end already, or its own predecessor still lives
        raise InvalidKey(_("two keys of a name live at a time; revoke the old one first"))
    clear, prefix, hashed = _fresh()
    before = ApiKey.objects.get(pk=key.pk)
    ApiKey.objects.create(
        name=before.name,
        prefix=prefix,
        hashed=hashed,
        scopes=before.scopes,
        source=before.source,
        partner=before.partner,
        networks=before.networks,
        rate=before.rate,
        signing=before.signing,
        signing_secret=before.signing_secret,
        created_at=now,
    )
    audit.note(actor, "api_key.replaced", f"api_key:{before.name}", now=now, old=before.prefix, until=until.isoformat())
    return clear


@transaction.atomic
def revoke(key: ApiKey, *, actor: str, now: datetime) -> bool:
    """From the commit on the key opens nothing. False: it was revoked before."""
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    audit.note(actor, "api_key.revoked", f"api_key:{key.name}", now=now)
    return True


@transaction.atomic
def sign(key: ApiKey, *, required: bool, actor: str, now: datetime) -> str:
    """A new signing secret, shown once and kept sealed; the one before it signs nothing any more."""
    secret = secrets.token_urlsafe(32)
    mode = ApiKey.Signing.REQUIRED if required else ApiKey.Signing.OPTIONAL
    ApiKey.objects.filter(pk=key.pk).update(signing=mode, signing_secret=crypto.seal(secret))
    audit.note(actor, "api_key.secret_issued", f"api_key:{key.name}", now=now, signing=mode)
    return secret


@transaction.atomic
def require_signing(key: ApiKey, *, required: bool, actor: str, now: datetime) -> bool:
    """Whether calls must be signed. False: the key has no signing secret, or it is so already."""
    mode = ApiKey.Signing.REQUIRED if required else ApiKey.Signing.OPTIONAL
    changed = ApiKey.objects.filter(pk=key.pk, signing_secret__isnull=False).exclude(signing=mode).update(signing=mode)
    if changed:
        audit.note(actor, "api_key.signing", f"api_key:{key.name}", now=now, signing=mode)
    return bool(changed)


def authenticate(clear: str) -> ApiKey | None:
    prefix = clear.removeprefix("hk_").partition("_")[0]
    key = ApiKey.objects.filter(prefix=prefix, revoked_at=None).first() if prefix.isalnum() else None
    if not key or not hmac.compare_digest(bytes(key.hashed), _hash(clear)):
        return None
    return None if key.expires_at and key.expires_at <= clock.now() else key


def admits(key: ApiKey, address: str) -> bool:
    """Whether the key may be used from there. A key without a list may be used from anywhere."""
    if not key.networks:
        return True
    try:
        found = ip_address(address)
    except ValueError:  # behind a socket there is no address
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ip_network(network) for network in key.networks)


def touch(key: ApiKey) -> None:
    """Remember that the key was used: once a minute at most, by the database's clock, and nobody waits for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE ground_apikey SET last_used_at = clock_timestamp() WHERE id = (
                   SELECT id FROM ground_apikey
                   WHERE id = %s AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
                   FOR NO KEY UPDATE SKIP LOCKED)""",
            [key.pk],
        )


def _fresh() -> tuple[str, str, bytes]:
    """A key in the clear, its prefix, its hash."""
    prefix = secrets.token_hex(4)
    clear = f"hk_{prefix}_{secrets.token_urlsafe(32)}"
    return clear, prefix, _hash(clear)


def _hash(clear: str) -> bytes:
    return sha256(clear.encode("utf-8", "surrogatepass")).digest()
