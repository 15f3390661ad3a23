"""What belongs to a member, in every room: each room declares its tables here, so that nothing held on a person is forgotten.

A test fails for any model with a member that is not declared, or that does not say what a merge does with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model

from cdp import one_person
from cdp.handover import FIRST, FOLLOWS, MOVES, STAYS, Moves, Policy
from cdp.models import (
    Consent,
    ConsentRecord,
    Event,
    FeedRow,
    Identity,
    IdentityUse,
    Member,
    Merge,
    MergeCandidate,
    Order,
    Placement,
    Profile,
    Refund,
)
from cdp.models.source import OWN
from config.ground.registry import Registry


@dataclass(frozen=True)
class Belonging:
    model: type[Model]
    member: str = "member"  # the look-up from a row to its member
    merge: Policy | None = None

    def count(self, member: int) -> int:
        return self.model._default_manager.filter(**{self.member: member}).count()


BELONGINGS: Registry[Belonging] = Registry("belonging")


def declare(model: type[Model], member: str = "member", *, merge: Policy | None = None) -> None:
    BELONGINGS.add(model._meta.label, Belonging(model, member, merge))


def held(member: int) -> Iterator[tuple[type[Model], int]]:
    """How many rows of each table are held on a member; tables that hold none are left out."""
    for _label, belonging in sorted(BELONGINGS.items()):
        if count := belonging.count(member):
            yield belonging.model, count


def going(member: int) -> Iterator[tuple[type[Model], int]]:
    """How many rows of each table a merge into another member would take over; tables without any are left out."""
    for _label, belonging in sorted(BELONGINGS.items()):
        if belonging.merge and belonging.model is not FeedRow and (count := belonging.merge.going(belonging, member)):
            yield belonging.model, count


def names() -> dict[str, str]:
    """Name of a table -> what people call its rows."""
    models = (belonging.model._meta for _label, belonging in BELONGINGS.items())
    return {str(meta.model_name): str(meta.verbose_name_plural) for meta in models}


# Our own events tell what one member did with us; those of partners belong to the person.
_OF_PARTNERS = f"t.source_id <> coalesce((SELECT id FROM cdp_source WHERE code = '{OWN}'), 0)"

declare(Identity, merge=Moves(turn=FIRST))
declare(IdentityUse, merge=Moves(unless=("identity_id",)))
declare(MergeCandidate, "low", merge=STAYS)
declare(Order, merge=Moves(brought="identity_id"))
declare(Event, merge=Moves(only=_OF_PARTNERS, brought="identity_id"))
declare(Refund, "order__member", merge=FOLLOWS)
declare(Placement, merge=STAYS)
declare(ConsentRecord, merge=STAYS)
declare(Member, "merged_into", merge=one_person.ATTRIBUTES)
declare(Merge, "keep", merge=STAYS)
declare(Consent, merge=one_person.CONSENT)
declare(Profile, merge=one_person.PROFILE)
declare(FeedRow, merge=MOVES)
