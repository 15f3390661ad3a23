"""Whom a key may see: the members that its source has told of, or everybody with `members:all`. Nobody sees who was erased."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from cdp import identity
from cdp.errors import InvalidIdentity
from cdp.models import Event, Member, Order
from config.ground.models import ApiKey


def members(key: ApiKey) -> QuerySet[Member]:
    there = Member.objects.filter(erased_at=None)
    if "members:all" in key.scopes:
        return there
    of_source = {"member": OuterRef("pk"), "source__code": key.source}
    return there.filter(Exists(Order.objects.filter(**of_source)) | Exists(Event.objects.filter(**of_source)))


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
