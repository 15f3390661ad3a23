"""A correction is a new entry, never an edit: what was given in error is clawed back, whole and once. Points that moved with a
member that was merged are clawed back where they are now.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from config.ground.cause import Cause
from loyalty.errors import NotReversible
from loyalty.ledger.post import Posted, Posting, post
from loyalty.models import Book, Entry, Lot, PointsAccount

_GIVEN = (Entry.Kind.EARN, Entry.Kind.GRANT)


@transaction.atomic
def undo(entry_id: int, *, cause: Cause, reason: str, now: datetime) -> Posted:
    """Take back the points of an entry. The same cause again answers the same. Raises NotReversible."""
    entry = Entry.objects.select_related("account__programme").get(pk=entry_id)
    if entry.kind == Entry.Kind.UNDO:
        raise NotReversible(f"entry {entry.pk} is a correction itself")
    if entry.kind not in _GIVEN:
        raise NotReversible(f"entry {entry.pk} belongs to a merge; undo the merge")
    lot = _held(Lot.objects.get(entry=entry))
    posting = Posting(
        member=lot.account.member_id,
        kind=Entry.Kind.UNDO,
        points=entry.amount,
        from_book=Book.AVAIL,
        to_book=Book.CLAWED,
        cause=cause,
        reason=reason,
        occurred_at=now,
        reverses=entry.pk,
    )
    again = Entry.objects.filter(reverses=entry, cause=cause.id).exists()
    if lot.remaining != entry.amount and not again:
        raise NotReversible(f"of the {entry.amount} points of entry {entry.pk} only {lot.remaining} remain")
    posted = post(entry.account.programme, posting, now=now)
    if posted.new:
        Lot.objects.filter(pk=lot.pk).update(state=Lot.State.CLOSED, clawed=lot.original, remaining=0)
    return posted


def _held(first: Lot) -> Lot:
    """Where the points of a lot are now, its account locked: the account first, as every posting."""
    family = Lot.objects.select_related("account").filter(Q(pk=first.pk) | Q(origin_lot=first.pk)).order_by("-pk")
    while True:
        now_in = family[0].account_id
        PointsAccount.objects.select_for_update(no_key=True).get(pk=now_in)
        if (lot := family[0]).account_id == now_in:
            return lot
