"""Whom a key may see: the members that its source has told of, by an order, an event, or an identity with whatever it said of
them; or everybody with `members:all`.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from cdp import identity
from cdp.errors import InvalidIdentity
from cdp.models import Event, Identity, Member, Order, Telling
from config.ground.models import ApiKey


def members(key: ApiKey) -> QuerySet[Member]:
    if "members:all" in key.scopes:
        return Member.objects.all()
    of_source = {"member": OuterRef("pk"), "source__code": key.source}
    told = {"identity__member": OuterRef("pk"), "source__code": key.source}
    return Member.objects.filter(
        Exists(Order.objects.filter(**of_source))
        | Exists(Event.objects.filter(**of_source))
        | Exists(Identity.objects.filter(**of_source))
        | Exists(Telling.objects.filter(**told))
    )


def member(name: str, key: ApiKey) -> Member | None:
    """The member of an id or an identity `kind:value`, when the key may see them."""
    pk = _named(name)
    return None if pk is None else members(key).filter(pk=pk).first()


def _named(name: str) -> int | None:
    if name.isascii() and name.isdigit():
        return int(name) if len(name) < 19 else None  # longer ones are beyond any id
    try:
        named = identity.parse(name)
    except InvalidIdentity:
        return None
    return identity.find(named.kind, named.value, named.app)
