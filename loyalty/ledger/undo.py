"""A correction is a new entry, never an edit: what was given in error is clawed back, whole and once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.ground.cause import Cause
from loyalty.errors import NotReversible
from loyalty.ledger.post import Posted, Posting, post
from loyalty.models import Book, Entry, Lot, PointsAccount


@transaction.atomic
def undo(entry_id: int, *, cause: Cause, reason: str, now: datetime) -> Posted:
    """Take back the points of an entry. The same cause again answers the same. Raises NotReversible."""
    entry = Entry.objects.select_related("account__programme").get(pk=entry_id)
    if entry.kind == Entry.Kind.UNDO:
        raise NotReversible(f"entry {entry.pk} is a correction itself")
    posting = Posting(
        member=entry.account.member_id,
        kind=Entry.Kind.UNDO,
        points=entry.amount,
        from_book=Book.AVAIL,
        to_book=Book.CLAWED,
        cause=cause,
        reason=reason,
        occurred_at=now,
        reverses=entry.pk,
    )
    PointsAccount.objects.select_for_update(no_key=True).get(pk=entry.account_id)  # the account first, as every posting
    lot = Lot.objects.get(entry=entry)
    again = Entry.objects.filter(account=entry.account_id, cause=cause.id).exists()
    if lot.remaining != lot.original and not again:
        raise NotReversible(f"of the {lot.original} points of entry {entry.pk} only {lot.remaining} remain")
    posted = post(entry.account.programme, posting, now=now)
    if posted.new:
        Lot.objects.filter(pk=lot.pk).update(state=Lot.State.CLOSED, clawed=lot.original, remaining=0)
    return posted
