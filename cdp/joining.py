"""Joining two members that are one person, as their sources or a person of the brand said; the one place that calls a merge here.

A pair that is due is looked at again under the locks of both: what contradicts by then is for review. Running it twice changes
nothing, since a pair is decided once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop

from cdp import candidates, merging
from cdp.errors import CannotMerge, Decided
from cdp.models import Merge, MergeCandidate
from cdp.models.source import OWN
from cdp.persons import Held, Slot, contradict
from cdp.resolving import held_by
from cdp.rules import Rules
from config.ground import alarms, audit

log = logging.getLogger(__name__)

SLICE = 500  # pairs a tick: a merge is some ten milliseconds
State = MergeCandidate.State


def join_due(pairs: Sequence[int] | None = None, *, now: datetime) -> int:
    """Join the pairs that are due (None: whichever are). Returns how many were joined. One pair's trouble is its own."""
    if pairs is None:
        due = MergeCandidate.objects.filter(state=State.DUE).order_by("made_at", "pk")
        pairs = list(due.values_list("pk", flat=True)[:SLICE])
    joined = 0
    for pair in pairs:
        try:
            joined += _join_due(pair, now=now)
        except Decided:
            log.info("pair %s was decided meanwhile", pair)  # by another tick, or by a person: what we did is undone
        except (OperationalError, InterfaceError):
            log.warning("a pair waits for the next tick to be joined", exc_info=True)
        except Exception as error:
            log.exception("pair %s cannot be joined", pair)
            alarms.ring(
                f"join:{pair}",
                gettext_noop("%(error)s while two members were joined"),
                now=now,
                error=type(error).__name__,
            )
            MergeCandidate.objects.filter(pk=pair, state=State.DUE).update(state=State.OPEN)
    return joined


class _Contradiction(Exception):
    """The two hold different values of a kind of which a source gives a person one."""


@transaction.atomic
def _join_due(pair: int, *, now: datetime) -> bool:
    found = MergeCandidate.objects.filter(pk=pair, state=State.DUE).first()
    if found is None:
        return False  # somebody was faster
    try:
        return _merge(found, actor=OWN, now=now, unless_contradicting=True)
    except _Contradiction:
        MergeCandidate.objects.filter(pk=pair, state=State.DUE).update(state=State.OPEN)
        return False


@transaction.atomic
def join(candidate: int, *, actor: str, now: datetime) -> bool:
    """A person joins the two. False: they are one already, or one of them is gone. Raises Decided when somebody was faster."""
    found = MergeCandidate.objects.filter(pk=candidate, state__in=candidates.UNDECIDED).first()
    if found is None:
        raise Decided(candidate)
    joined = _merge(found, actor=actor, now=now)
    audit.note(actor, "candidate.joined", f"candidate:{candidate}", now=now, joined=joined)
    return joined


def _merge(pair: MergeCandidate, *, actor: str, now: datetime, unless_contradicting: bool = False) -> bool:
    """The two as they stand after other merges; the older stays. What they hold is compared under the locks of the merge."""
    keep, drop = sorted((merging.root(pair.low_id), merging.root(pair.high_id)))
    try:
        with transaction.atomic():
            made = merging.merge(keep, drop, reason=f"candidate:{pair.pk}", actor=actor, now=now)
            if unless_contradicting and _contradicts(made):
                raise _Contradiction
    except CannotMerge:  # they are one already, or one of them is gone
        candidates.decide(pair.pk, State.OVERTAKEN, actor=actor, now=now)
        return False
    candidates.decide(pair.pk, State.JOINED, actor=actor, now=now)
    return True


def _contradicts(made: Merge) -> bool:
    went = made.moved.get("cdp.Identity", [])
    kept, came = _slots(held_by([made.keep_id], but=went)), _slots(held_by([made.keep_id], only=went))
    return bool(contradict(kept, came, Rules(None)))


def _slots(held: Held) -> dict[Slot, set[int | None]]:
    slots: dict[Slot, set[int | None]] = {}
    for identities in held.values():
        for kind, app, told_by in identities:
            slots.setdefault((kind, app), set()).update(told_by)
    return slots


def overtake(*, now: datetime) -> int:
    """Close the pairs that became one through other merges. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERTAKE, [now])
        return cursor.rowcount


_OVERTAKE = """
    UPDATE cdp_mergecandidate c SET state = 'overtaken', decided_at = %s
    FROM cdp_member low, cdp_member high
    WHERE c.state IN ('open', 'due') AND low.id = c.low_id AND high.id = c.high_id
      AND coalesce(low.merged_into_id, low.id) = coalesce(high.merged_into_id, high.id)
"""
