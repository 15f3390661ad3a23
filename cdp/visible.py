"""Whom a key may see: the members that its source has told of, by a row of its own that was about them and named them by a strong
identity; or everybody with `members:all`. A source that is not trusted sees a member while nobody else has told of it, since
whoever names a phone has not thereby met the person. Nobody sees who was erased.

Whoever asks for another one is told what is told of nobody: the same answer after the same statements. That they asked is noted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from cdp import identity, roots
from cdp.errors import InvalidIdentity
from cdp.models import Identity, Member, Source, Telling
from config.ground import clock
from config.ground.models import ApiKey
from config.ground.problems import Refused

NOBODY = 0  # no member has this id
EVERYBODY = "members:all"

# Without waiting for the disk: it is no change that the row would have to be as durable as, and the wait would tell who exists.
_NOTE = """
    INSERT INTO ground_auditrow (at, actor, action, subject, detail)
    SELECT %(now)s, %(actor)s, 'member.not_theirs', 'member:' || id, jsonb_build_object('source', %(source)s::text)
    FROM cdp_member WHERE id = %(member)s AND NOT %(everybody)s
"""


class NoSuchMember(Refused):
    """A key asked for a member that it does not see, or that is not there."""

    def __init__(self, key: ApiKey, member: int) -> None:
        super().__init__(404, "no_such_member", _("this key sees no such member"))
        self.key, self.member = key, member

    def leave_trace(self) -> None:
        note_attempt(self.key, self.member, now=clock.now())


def need_everybody(key: ApiKey) -> None:
    """What concerns a member whoever told of them is for keys that see everybody. Raises Refused before anybody is looked for."""
    if EVERYBODY not in key.scopes:
        raise Refused(403, "wrong_scope", _("this key lacks the scope %(scope)s") % {"scope": EVERYBODY})


def members(key: ApiKey) -> QuerySet[Member]:
    standing = Member.objects.filter(merged_into=None, erased_at=None)
    if EVERYBODY in key.scopes:
        return standing
    named = Identity.objects.filter(member=OuterRef("pk"))
    told = Telling.objects.filter(identity__member=OuterRef("pk"))
    ours = Q(source__code=key.source)
    seen = standing.filter(Exists(named.filter(ours)) | Exists(told.filter(ours)))
    if Source.objects.filter(code=key.source, trust=Source.Trust.UNTRUSTED).exists():
        others = ~ours | Q(source=None)  # one of unknown source may be anybody's
        return seen.filter(~Exists(named.filter(others)), ~Exists(told.filter(~ours)))
    return seen


def member(name: str, key: ApiKey) -> Member:
    """The member of an id or an identity `kind:value`; for one merged away, who stands for it. Raises NoSuchMember when the key
    may not see them.
    """
    pk = named(name) or NOBODY
    found = members(key).filter(pk=pk).first()
    if found is None:
        raise NoSuchMember(key, pk)
    return found


@transaction.atomic
def note_attempt(key: ApiKey, member: int, *, now: datetime) -> None:
    """A row when the member exists; the same statements when not. Whoever may see everybody went too far with nobody: what they
    do not find was erased.
    """
    asked: dict[str, Any] = {"now": now, "actor": f"api:{key.name}", "source": key.source, "member": member}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_NOTE, asked | {"everybody": EVERYBODY in key.scopes})


def named(name: str) -> int | None:
    """Whoever the key is: the member of an id or an identity. An id that nobody has may be answered as it is."""
    if name.isascii() and name.isdigit():
        return roots.root(int(name)) if len(name) < 19 else None  # longer ones are beyond any id
    key = _key(name)
    return identity.find(key.kind, key.value, key.app) if key else None


def naming(name: str) -> int | None:
    """The identity that a name is; None for a number."""
    key = _key(name)
    found = identity.known([key]).get(key) if key else None
    return found.id if found else None


def _key(name: str) -> identity.Key | None:
    try:
        return identity.parse(name)
    except InvalidIdentity:
        return None
