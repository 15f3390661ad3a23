"""What names a member: written `kind:value`, stored sealed, found by its blind index. One identity names one member.

Whose a row is, when its identities are new or name several, is decided in `cdp/resolving.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import phonenumbers
from django.db import connection, transaction
from django.utils.translation import gettext as _
from msgspec import Struct

from cdp import kinds
from cdp.errors import InvalidIdentity
from cdp.models import Identity, Source
from config.ground import blinds, crypto
from config.ground.blinds import Versions
from config.ground.columns import bytea, column

KINDS = tuple(kinds.BY_NAME)  # strongest first
PER_APP = {kind.name for kind in kinds.KINDS if kind.per_app}
_DIALLED = re.compile(r"\+?[0-9 ().-]+")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")


class Key(Struct, frozen=True, cache_hash=True, dict=True):
    """(kind, app, value), normalised. Its repr never shows the value. A struct, since a batch looks up each a dozen times."""

    kind: str
    app: str
    value: str

    def __repr__(self) -> str:
        return f"Key({self.kind}@{self.app})"

    @property
    def at(self) -> tuple[str, str, str]:
        return self.kind, self.app, self.value

    def blind(self, version: str) -> bytes:
        """Under a version of the blind key, as `blinds.versions()` names them; kept for as long as the key is."""
        if (known := self.__dict__.get(version)) is None:
            known = self.__dict__[version] = crypto.blind(version, self.kind, self.app, self.value)
        return known

    def blinds(self, versions: Versions) -> list[bytes]:
        return [self.blind(version) for version in versions.every()]


@dataclass(frozen=True)
class Stored:
    """An identity as its row holds it."""

    value: str
    blind: bytes
    blind_key: str

    def __repr__(self) -> str:
        return f"Stored({self.blind_key})"


def parse(text: str) -> Key:
    """`kind:value` or `kind@app:value` -> Key; phones become E.164 (region CN unless +), e-mails lower case."""
    name, colon, value = text.partition(":")
    kind, _at, app = name.partition("@")
    if not colon or kind not in kinds.BY_NAME:
        raise InvalidIdentity(_("write an identity as kind:value; kinds: %(kinds)s") % {"kinds": ", ".join(KINDS)})
    if bool(app) != (kind in PER_APP):
        raise InvalidIdentity(
            _("%(kinds)s carry their app, as kind@app:value; other kinds do not")
            % {"kinds": ", ".join(sorted(PER_APP))}
        )
    value = value.strip() if value.isascii() else unicodedata.normalize("NFKC", value).strip()
    if kind == "phone":
        value = _phone(value)
    elif kind == "email":
        value = _email(value)
    if not value or len(value) > 200 or not value.isprintable():
        raise InvalidIdentity(_("the value of an identity is 1 to 200 printable characters"))
    return Key(kind, app, value)


def _phone(value: str) -> str:
    number = None
    if _DIALLED.fullmatch(value):  # the library would read letters too, as they stand on a telephone's keys
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(value, "CN")
    if number is None or not _reachable(number):
        raise InvalidIdentity(_("not a phone number; write it like +8613900000001"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _reachable(number: phonenumbers.PhoneNumber) -> bool:
    """A mobile of China by its form, since operators get new prefixes before the library knows; its landlines by the library;
    elsewhere whatever has a length that numbers there have.
    """
    if number.country_code != 86:
        return phonenumbers.is_possible_number(number)
    return bool(_MOBILE.fullmatch(str(number.national_number))) or phonenumbers.is_valid_number(number)


def _email(value: str) -> str:
    name, at, host = value.lower().partition("@")
    if not (name and at and "." in host) or " " in value:
        raise InvalidIdentity(_("not an e-mail address; write it like name@example.com"))
    return value.lower()


def find(kind: str, value: str, app: str = "") -> int | None:
    """The member named by an identity: one index look-up. An identity that more members share than its cap names nobody."""
    key = parse(f"{kind}@{app}:{value}" if app else f"{kind}:{value}")
    found = known([key]).get(key)
    return None if found is None or found.weak else found.member


def holders(key: Key) -> list[int]:
    """Everybody who ever named themselves with it, its owner first: for people who search, never for a decision."""
    with transaction.atomic(savepoint=False):
        at = Identity.objects.filter(kind=key.kind, app=key.app, blind__in=key.blinds(blinds.versions()))
        owner = list(at.values_list("member_id", flat=True))
        used_by = at.filter(uses__isnull=False).values_list("uses__member_id", flat=True)
        return list(dict.fromkeys([*owner, *used_by]))


def addresses(members: Sequence[int], kind: str, app: str = "") -> dict[int, str]:
    """Member -> the newest value of the kind, in the clear. Only for what goes on the wire, never for a log or a column."""
    return {member: crypto.unseal(sealed) for member, sealed, _blind, _key in _newest(members, kind, app)}


def stored(members: Sequence[int], kind: str, app: str = "") -> dict[int, Stored]:
    """As `addresses`, with the blinds that the rows have: they stay so until the transaction ends."""
    rows = _newest(members, kind, app, lock="FOR KEY SHARE")
    return {member: Stored(crypto.unseal(sealed), bytes(blind), key) for member, sealed, blind, key in rows}


def _newest(members: Sequence[int], kind: str, app: str, *, lock: str = "") -> list[tuple[int, bytes, bytes, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT member_id, sealed, blind, blind_key FROM cdp_identity
                WHERE id IN (SELECT DISTINCT ON (member_id) id FROM cdp_identity
                             WHERE member_id = ANY(%s) AND kind = %s AND app = %s
                             ORDER BY member_id, created_at DESC, id DESC)
                ORDER BY id {lock}""",
            [list(members), kind, app],
        )
        return cursor.fetchall()


def standing(keys: Sequence[Key]) -> list[tuple[bytes, str]]:
    """The blind of each key as its row has it, or as it would be written, and its version. In a transaction: they stay so
    until it ends, also while the blind key is being changed.
    """
    versions = blinds.versions()
    found = {key: (key.blind(versions.written), versions.written) for key in keys}
    by_blind = _by_blind(keys, versions)
    kinds, apps, hidden = ([at[i] for at in by_blind] for i in range(3))
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT kind, app, blind, blind_key FROM cdp_identity
               WHERE id IN (SELECT i.id FROM cdp_identity i
                            JOIN unnest(%s::text[], %s::text[], %s::bytea[]) AS k (kind, app, blind)
                                 USING (kind, app, blind))
               ORDER BY id FOR KEY SHARE""",
            [kinds, apps, hidden],
        )
        for kind, app, blind, version in cursor.fetchall():
            # One that was waited for may have got the newer blind meanwhile; it is among ours as well.
            found[by_blind[kind, app, bytes(blind)]] = bytes(blind), version
    return [found[key] for key in keys]


def _by_blind(keys: Iterable[Key], versions: Versions) -> dict[tuple[str, str, bytes], Key]:
    each = list(keys)
    return {(key.kind, key.app, key.blind(version)): key for version in versions.every() for key in each}


def _blinded(keys: Sequence[Key], version: str) -> list[bytes]:
    """The blind of each, which it keeps."""
    blind = crypto.blinder(version)
    return [
        key.__dict__.get(version) or key.__dict__.setdefault(version, blind(key.kind, key.app, key.value))
        for key in keys
    ]


def strength(key: Key) -> int:
    """Sorts the strongest first."""
    return kinds.STRENGTH[key.kind]


class Known(NamedTuple):
    """An identity as it is stored."""

    id: int
    member: int
    source: int | None  # who told of it first; None: stored before that was noted
    weak: bool  # more members share it than its cap allows: it names nobody any more


def known(keys: Iterable[Key]) -> dict[Key, Known]:
    """Those of the keys that are stored, under whichever version of the blind key. One index look-up each, in one statement."""
    # OFFSET 0 makes it an index look-up each, also while there are few enough to read them all for every batch.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        each, versions = list(keys), blinds.versions().every()
        asked = each * len(versions)
        hidden = [blind for version in versions for blind in _blinded(each, version)]
        cursor.execute(
            """SELECT k.n, i.id, i.member_id, i.source_id, i.weak_since IS NOT NULL
               FROM unnest(%s::text[], %s::text[], %s::bytea[]) WITH ORDINALITY AS k (kind, app, blind, n)
               CROSS JOIN LATERAL (SELECT * FROM cdp_identity i
                                   WHERE i.kind = k.kind AND i.app = k.app AND i.blind = k.blind OFFSET 0) i""",
            [
                column([key.kind for key in asked]),
                column([key.app for key in asked]),
                bytea(hidden),
            ],
        )
        return {asked[n - 1]: Known(*found) for n, *found in cursor.fetchall()}


def hold(known: Collection[Known]) -> bool:
    """Until the commit no merge changes whom they name. False: they do not stand as they were seen any more. In the order of ids,
    as a merge locks them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, member_id, source_id, weak_since IS NOT NULL FROM cdp_identity
               WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE""",
            [column([identity.id for identity in known])],
        )
        return set(cursor.fetchall()) == set(known)


def owners(keys: Iterable[Key]) -> dict[Key, int]:
    """Whom each known key names, under whichever version of the blind key."""
    return {key: found.member for key, found in known(keys).items()}


def claim(planned: dict[Key, int], *, source: Source | None, now: datetime) -> dict[Key, int]:
    """Insert in one order (no deadlock between batches); the unique key waits for a competitor. Returns the ids of those that
    were nobody's; the others are somebody's by now.
    """
    version = blinds.versions().written
    keys = sorted(planned, key=lambda key: key.at)
    by_blind = {(key.kind, key.app, key.blind(version)): key for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_identity (member_id, kind, app, blind, blind_key, sealed, created_at, source_id)
               SELECT member, kind, app, blind, %s, sealed, %s, %s
               FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])
                    AS i (member, kind, app, blind, sealed)
               ON CONFLICT DO NOTHING RETURNING kind, app, blind, id""",
            [
                version,
                now,
                source.pk if source else None,
                [planned[key] for key in keys],
                [key.kind for key in keys],
                [key.app for key in keys],
                [key.blind(version) for key in keys],
                [crypto.seal(key.value) for key in keys],
            ],
        )
        return {by_blind[kind, app, bytes(blind)]: id for kind, app, blind, id in cursor.fetchall()}
