"""Whom a key may see: the members that its source has told of, or everybody with `members:all`.

Whoever asks for another one is told what is told of nobody: the same answer after the same statements. That they asked is noted.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from cdp import identity
from cdp.errors import InvalidIdentity
from cdp.models import Event, Member, Order
from config.ground import clock
from config.ground.models import ApiKey
from config.ground.problems import Refused

NOBODY = 0  # no member has this id

# Without waiting for the disk: it is no change that the row would have to be as durable as, and the wait would tell who exists.
_NOTE = """
    INSERT INTO ground_auditrow (at, actor, action, subject, detail)
    SELECT %(now)s, %(actor)s, 'member.not_theirs', 'member:' || id, jsonb_build_object('source', %(source)s::text)
    FROM cdp_member WHERE id = %(member)s
"""


class NoSuchMember(Refused):
    """A key asked for a member that it does not see, or that is not there."""

    def __init__(self, key: ApiKey, member: int) -> None:
        super().__init__(404, "no_such_member", _("this key sees no such member"))
        self.key, self.member = key, member

    def leave_trace(self) -> None:
        note_attempt(self.key, self.member, now=clock.now())


def members(key: ApiKey) -> QuerySet[Member]:
    if "members:all" in key.scopes:
        return Member.objects.all()
    of_source = {"member": OuterRef("pk"), "source__code": key.source}
    return Member.objects.filter(Exists(Order.objects.filter(**of_source)) | Exists(Event.objects.filter(**of_source)))


def member(name: str, key: ApiKey) -> Member:
    """The member of an id or an identity `kind:value`. Raises NoSuchMember when the key may not see them."""
    pk = _named(name) or NOBODY
    found = members(key).filter(pk=pk).first()
    if found is None:
        raise NoSuchMember(key, pk)
    return found


@transaction.atomic
def note_attempt(key: ApiKey, member: int, *, now: datetime) -> None:
    """A row when the member exists; the same statements when not."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_NOTE, {"now": now, "actor": f"api:{key.name}", "source": key.source, "member": member})


def _named(name: str) -> int | None:
    if name.isascii() and name.isdigit():
        return int(name) if len(name) < 19 else None  # longer ones are beyond any id
    try:
        named = identity.parse(name)
    except InvalidIdentity:
        return None
    return identity.find(named.kind, named.value, named.app)
