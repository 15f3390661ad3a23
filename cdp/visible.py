"""Whom a key may see: the members that its source has told of, by an order, an event, or an identity with whatever it said of
them; or everybody with `members:all`. An untrusted source sees its own only. Nobody sees who was erased.

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
from cdp.models import Event, Identity, Member, Order, Source, Telling
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
    if Source.objects.filter(code=key.source, trust=Source.Trust.UNTRUSTED).exists():
        return standing.filter(_own(key.source))
    of_source = {"member": OuterRef("pk"), "source__code": key.source}
    told = {"identity__member": OuterRef("pk"), "source__code": key.source}
    return standing.filter(
        Exists(Order.objects.filter(**of_source))
        | Exists(Event.objects.filter(**of_source))
        | Exists(Identity.objects.filter(**of_source))
        | Exists(Telling.objects.filter(**told))
    )


def _own(source: str) -> Q:
    """An untrusted source sees those of whom nobody else told: naming somebody in an order opens nobody to it."""
    named = Identity.objects.filter(member=OuterRef("pk"))
    told = Telling.objects.filter(identity__member=OuterRef("pk")).exclude(source__code=source)
    others = named.exclude(source__code=source) | named.filter(source=None)
    return Q(Exists(named.filter(source__code=source))) & ~Q(Exists(others)) & ~Q(Exists(told))


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
    try:
        named = identity.parse(name)
    except InvalidIdentity:
        return None
    return identity.find(named.kind, named.value, named.app)
