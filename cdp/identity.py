"""One identity names one member, also when two batches name a new person at the same moment."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import phonenumbers
from django.db import connection
from django.utils.translation import gettext as _

from cdp.errors import InvalidIdentity
from cdp.models import Identity
from config.ground import crypto

# Kinds, strongest first: when the identities of one row name several members, the strongest decides to whom the row belongs.
KINDS = ("crm_id", "wechat_unionid", "wechat_openid", "wecom_external_userid", "phone", "email", "pos_card", "device")
PER_APP = {"wechat_openid", "device"}
_DIALLED = re.compile(r"\+?[0-9 ().-]+")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")


@dataclass(frozen=True)
class Key:
    """(kind, app, value), normalised. Its repr never shows the value."""

    kind: str
    app: str
    value: str

    def __repr__(self) -> str:
        return f"Key({self.kind}@{self.app})"

    @cached_property
    def blind(self) -> bytes:
        return crypto.blind(self.kind, self.app, self.value)

    @property
    def at(self) -> tuple[str, str, bytes]:
        return self.kind, self.app, self.blind


def parse(text: str) -> Key:
    """`kind:value` or `kind@app:value` -> Key; phones become E.164 (region CN unless +), e-mails lower case."""
    name, colon, value = text.partition(":")
    kind, _at, app = name.partition("@")
    if not colon or kind not in KINDS:
        raise InvalidIdentity(_("write an identity as kind:value; kinds: %(kinds)s") % {"kinds": ", ".join(KINDS)})
    if bool(app) != (kind in PER_APP):
        raise InvalidIdentity(
            _("%(kinds)s carry their app, as kind@app:value; other kinds do not")
            % {"kinds": ", ".join(sorted(PER_APP))}
        )
    value = unicodedata.normalize("NFKC", value).strip()
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
    """The member named by an identity: one index look-up."""
    key = parse(f"{kind}@{app}:{value}" if app else f"{kind}:{value}")
    return (
        Identity.objects.filter(kind=key.kind, app=key.app, blind=key.blind).values_list("member_id", flat=True).first()
    )


def addresses(members: Sequence[int], kind: str, app: str = "") -> dict[int, str]:
    """Member -> the newest value of the kind, in the clear. Only for what goes on the wire, never for a log or a column."""
    rows = (
        Identity.objects.filter(member_id__in=members, kind=kind, app=app)
        .order_by("member_id", "-created_at", "-id")
        .distinct("member_id")
        .values_list("member_id", "sealed")
    )
    return {member: crypto.unseal(bytes(sealed)) for member, sealed in rows}


def resolve(rows: Sequence[Sequence[Key]], *, now: datetime) -> tuple[list[int | None], set[int]]:
    """The member of each row, and which members are new. All identities of a row belong together; a row without any has no
    member. A row that names several existing members goes to the one that its strongest identity names; nobody is joined here.
    """
    groups = _together(rows)
    known = owners(key for group in groups for key in group)
    planned, fresh = _plan(groups, known)
    owner = known | _claim_identities(planned, now=now)

    overtaken: dict[int, int] = {}  # somebody else made this person a moment ago: our planned member -> theirs
    for key in sorted(planned, key=_strength):
        if planned[key] in fresh and owner[key] != planned[key]:
            overtaken.setdefault(planned[key], owner[key])
    for plan, winner in overtaken.items():
        Identity.objects.filter(member_id=plan).update(member_id=winner)
    fresh -= set(overtaken)
    _make(sorted(fresh), now=now)

    members: list[int | None] = []
    for row in rows:
        named = owner[min(row, key=_strength)] if row else None
        members.append(overtaken.get(named, named) if named is not None else None)
    return members, fresh


def _strength(key: Key) -> int:
    return KINDS.index(key.kind)


def _together(rows: Sequence[Sequence[Key]]) -> list[list[Key]]:
    """Keys grouped so that rows which share an identity fall into one group."""
    root: dict[Key, Key] = {}

    def top(key: Key) -> Key:
        while root[key] != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for row in rows:
        for key in row:
            root.setdefault(key, key)
            root[top(key)] = top(row[0])
    groups: dict[Key, list[Key]] = {}
    for key in root:
        groups.setdefault(top(key), []).append(key)
    return list(groups.values())


def _plan(groups: Sequence[Sequence[Key]], known: dict[Key, int]) -> tuple[dict[Key, int], set[int]]:
    """Unknown key -> the member it shall name: the one its group is known by, else an id set aside for a new member."""
    planned: dict[Key, int] = {}
    strangers = [group for group in groups if not any(key in known for key in group)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('cdp_member', 'id')) FROM generate_series(1, %s)", [len(strangers)]
        )
        fresh = [row[0] for row in cursor.fetchall()]
    for group, member in zip(strangers, fresh, strict=True):
        planned.update(dict.fromkeys(group, member))
    for group in groups:
        if named := [known[key] for key in sorted(group, key=_strength) if key in known]:
            planned.update({key: named[0] for key in group if key not in known})
    return planned, set(fresh)


def owners(keys: Iterable[Key]) -> dict[Key, int]:
    """Whom each known key names."""
    by_at = {key.at: key for key in keys}
    kinds, apps, blinds = ([at[i] for at in by_at] for i in range(3))
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT i.kind, i.app, i.blind, i.member_id FROM cdp_identity i
               JOIN unnest(%s::text[], %s::text[], %s::bytea[]) AS k (kind, app, blind) USING (kind, app, blind)""",
            [kinds, apps, blinds],
        )
        return {by_at[kind, app, bytes(blind)]: member for kind, app, blind, member in cursor.fetchall()}


def _claim_identities(planned: dict[Key, int], *, now: datetime) -> dict[Key, int]:
    """Insert in one order (no deadlock between batches); the unique key waits for a competitor, then shows who owns what."""
    keys = sorted(planned, key=lambda key: key.at)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_identity (member_id, kind, app, blind, sealed, created_at)
               SELECT member, kind, app, blind, sealed, %s
               FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])
                    AS i (member, kind, app, blind, sealed)
               ON CONFLICT DO NOTHING""",
            [
                now,
                [planned[key] for key in keys],
                [key.kind for key in keys],
                [key.app for key in keys],
                [key.blind for key in keys],
                [crypto.seal(key.value) for key in keys],
            ],
        )
    return owners(keys)


def _make(members: Sequence[int], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_member (id, attributes, synthetic, created_at)
               SELECT id, '{}', false, %s FROM unnest(%s::bigint[]) AS id""",
            [now, list(members)],
        )
