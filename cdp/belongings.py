"""What belongs to a member, in every room: each room declares its tables here, so that nothing held on a person is forgotten.

A test fails for any model with a member that is not declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model

from cdp.models import Consent, ConsentRecord, Event, FeedRow, Identity, MemberTag, Order, Placement, Profile, Refund
from config.ground.registry import Registry


@dataclass(frozen=True)
class Belonging:
    model: type[Model]
    member: str = "member"  # the look-up from a row to its member

    def count(self, member: int) -> int:
        return self.model._default_manager.filter(**{self.member: member}).count()


BELONGINGS: Registry[Belonging] = Registry("belonging")


def declare(model: type[Model], member: str = "member") -> None:
    BELONGINGS.add(model._meta.label, Belonging(model, member))


def held(member: int) -> Iterator[tuple[type[Model], int]]:
    """How many rows of each table are held on a member; tables that hold none are left out."""
    for _label, belonging in sorted(BELONGINGS.items()):
        if count := belonging.count(member):
            yield belonging.model, count


for _model in (Identity, Order, Event, Profile, Placement, Consent, ConsentRecord, FeedRow, MemberTag, Refund):
    declare(_model)
