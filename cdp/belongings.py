"""What belongs to a member, in every room: each room declares its tables here, so that nothing held on a person is forgotten.

A test fails for any model with a member that is not declared, or that does not say what a merge does with it, how it is shown to
the member, and what an erasure leaves of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model

from cdp import forgotten, one_person, own_data
from cdp.handover import FIRST, MOVES, STAYS, Moves, Policy
from cdp.leaving import DELETED, By, Emptied, Erase, Export, Kept
from cdp.models import (
    Consent,
    ConsentRecord,
    DataKey,
    ErasureReceipt,
    Event,
    FeedRow,
    Identity,
    IdentityUse,
    Member,
    MemberTag,
    Merge,
    MergeCandidate,
    Order,
    Placement,
    Profile,
    Refund,
    ThirdPartyAttribute,
)
from cdp.models.source import OWN
from config.ground.registry import Registry


@dataclass(frozen=True)
class Belonging:
    model: type[Model]
    member: str = "member"  # the look-up from a row to its member
    merge: Policy | None = None
    export: Export | None = None
    erase: Erase | None = None

    def count(self, member: int) -> int:
        return self.model._default_manager.filter(**{self.member: member}).count()


BELONGINGS: Registry[Belonging] = Registry("belonging")


def declare(
    model: type[Model],
    member: str = "member",
    *,
    merge: Policy | None = None,
    export: Export | None = None,
    erase: Erase | None = None,
) -> None:
    BELONGINGS.add(model._meta.label, Belonging(model, member, merge, export, erase))


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

MONEY = Kept("the sums of what was sold stay, under a number that names nobody")

declare(Identity, merge=Moves(turn=FIRST), export=own_data.identities, erase=By(forgotten.identities))
declare(DataKey, merge=STAYS, export=("made_at",), erase=By(forgotten.keys))  # what was sealed under it stays under it
declare(IdentityUse, merge=Moves(unless=("identity_id",)), export=("identity__kind",), erase=DELETED)
declare(
    MergeCandidate,
    "low",
    merge=STAYS,
    export=("low", "high", "state", "score", "made_at", "decided_at"),
    erase=By(forgotten.candidates),
)
declare(Order, merge=Moves(brought="identity_id"), export=own_data.orders, erase=MONEY)
declare(
    Event,
    merge=Moves(only=_OF_PARTNERS, brought="identity_id"),
    export=own_data.events,
    erase=Emptied({"properties": "'{}'::jsonb", "sealed": "NULL"}, only=_OF_PARTNERS, key="id, occurred_at"),
)
declare(
    Refund,  # those of an order follow it by themselves
    merge=Moves(only="t.order_id IS NULL", brought="identity_id"),
    export=own_data.refunds,
    erase=MONEY,
)
declare(
    Placement,
    merge=STAYS,
    export=("axis", "value", "since", "why"),
    erase=Kept("how many stood where, day by day; the last one is an end"),
)
declare(
    ConsentRecord,
    merge=STAYS,
    export=("channel", "purpose", "state", "at", "source", "wording", "evidence", "guardian", "recorded_at"),
    erase=Emptied({"evidence": "''", "wording": "''", "guardian": "''"}),
)
declare(
    Member,
    "merged_into",
    merge=one_person.ATTRIBUTES,
    export=own_data.merged,
    erase=Kept("their own attributes go first of all"),
)
declare(
    Merge,
    "keep",
    merge=STAYS,
    export=("keep", "drop", "at", "undone_at"),
    erase=Emptied({"reason": "''"}),
)
declare(
    Consent,
    merge=one_person.CONSENT,
    export=("channel", "purpose", "state", "at"),
    erase=Kept("a withdrawal, so that nothing goes out"),
)
declare(
    Profile,
    merge=one_person.PROFILE,
    export=tuple(field.attname for field in Profile._meta.concrete_fields if field.name != "member"),
    erase=By(forgotten.profiles),
)
declare(FeedRow, merge=MOVES, export=("reader", "kind", "at"), erase=Kept("orders come to their points afterwards too"))
declare(
    MemberTag,
    merge=Moves(unless=("tag_id",)),
    export=("tag__family", "tag__name", "source__code", "since", "expires_at"),
    erase=DELETED,
)
declare(ThirdPartyAttribute, merge=Moves(unless=("name",)), export=("source__code", "name"), erase=DELETED)
declare(
    ErasureReceipt,
    merge=STAYS,
    export=("reason", "asked_at", "done_at", "counts"),
    erase=Kept("the proof of the erasure; nothing in it is personal"),
)
