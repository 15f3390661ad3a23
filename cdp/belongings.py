"""What belongs to a member, in every room: each room declares its tables here, so that nothing held on a person is forgotten.

A test fails for any model with a member that is not declared, or that does not say what a merge does with it, how it is shown to
the member, and what an erasure leaves of it.
"""

from __future__ import annotations

from functools import partial

from cdp import forgotten, one_person, own_data
from cdp.belonging import declare
from cdp.handover import MOVES, STAYS, Moves
from cdp.leaving import DELETED, By, Emptied, Kept
from cdp.models import (
    Behaviour,
    Buying,
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
    SegmentMember,
    ThirdPartyAttribute,
)
from cdp.models.source import OWN

# Our own events tell what one member did with us; those of partners belong to the person.
_OF_PARTNERS = f"t.source_id <> coalesce((SELECT id FROM cdp_source WHERE code = '{OWN}'), 0)"
_REFUSED = (
    f"t.source_id IN (SELECT id FROM cdp_source WHERE third_party) AND {one_person.REFUSED.format(keep='%(to)s')}"
)

MONEY = Kept("the sums of what was sold stay, under a number that names nobody")

declare(Identity, merge=one_person.NAMES, export=own_data.identities, erase=By(forgotten.identities))
declare(DataKey, merge=one_person.DATA_KEY, export=("made_at",), erase=By(forgotten.keys))
declare(IdentityUse, merge=Moves(unless=("identity_id",)), export=("identity__kind",), erase=DELETED)
declare(
    MergeCandidate,
    "low",
    merge=STAYS,
    export=own_data.candidates,
    erase=By(forgotten.candidates),
)
declare(Order, merge=Moves(brought="identity_id"), export=own_data.orders, erase=MONEY)
declare(
    Event,
    merge=Moves(only=_OF_PARTNERS, but=_REFUSED, brought="identity_id"),
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
declare(Merge, "keep", merge=STAYS, export=own_data.merges, erase=By(forgotten.merges))
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
for table in (Buying, Behaviour):
    declare(
        table,
        merge=one_person.COMPUTED,
        export=tuple(field.attname for field in table._meta.concrete_fields if field.name != "member"),
        erase=By(partial(forgotten.features, table)),
    )
declare(FeedRow, merge=MOVES, export=("reader", "kind", "at"), erase=Kept("orders come to their points afterwards too"))
declare(
    MemberTag,
    merge=one_person.TAGS,
    export=("tag__family", "tag__name", "source__code", "since", "expires_at"),
    erase=DELETED,
)
declare(
    SegmentMember,
    merge=Moves(unless=("segment_id",)),
    export=("segment__key", "segment__name", "since"),
    erase=DELETED,
)
declare(ThirdPartyAttribute, merge=one_person.MARKS, export=("source__code", "name"), erase=DELETED)
declare(
    ErasureReceipt,
    merge=STAYS,
    export=("reason", "asked_at", "done_at", "counts"),
    erase=Kept("the proof of the erasure; nothing in it is personal"),
)
