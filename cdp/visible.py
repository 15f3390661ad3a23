"""Whom a key may see: the members that its source has told of, by an order, an event, or an identity with whatever it said of
them; or everybody with `members:all`.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from cdp import identity, roots
from cdp.errors import InvalidIdentity
from cdp.models import Event, Identity, Member, Order, Telling
from config.ground.models import ApiKey


def members(key: ApiKey) -> QuerySet[Member]:
    standing = Member.objects.filter(merged_into=None)
    if "members:all" in key.scopes:
        return standing
    of_source = {"member": OuterRef("pk"), "source__code": key.source}
    told = {"identity__member": OuterRef("pk"), "source__code": key.source}
    return standing.filter(
        Exists(Order.objects.filter(**of_source))
        | Exists(Event.objects.filter(**of_source))
        | Exists(Identity.objects.filter(**of_source))
        | Exists(Telling.objects.filter(**told))
    )


def member(name: str, key: ApiKey) -> Member | None:
    """The member of an id or an identity `kind:value`, when the key may see them. For one merged away, who stands for it."""
    pk = named(name)
    return None if pk is None else members(key).filter(pk=pk).first()


def named(name: str) -> int | None:
    """Whoever the key is: the member of an id or an identity. An id that nobody has may be answered as it is."""
    if name.isascii() and name.isdigit():
        return roots.root(int(name)) if len(name) < 19 else None  # longer ones are beyond any id
    try:
        named = identity.parse(name)
    except InvalidIdentity:
        return None
    return identity.find(named.kind, named.value, named.app)
