"""Two members become one: in each journey one of them goes on, the one that was enrolled first. The other leaves it as `merged`,
and what it still had to be sent is cancelled; where only one is in a journey, it goes on for the person. What is closed is
history.

When they part, what went over and is not closed goes back. Which orders are credited to which messages follows from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from automation.listening import READER
from automation.models import Enrolment, StepRun
from cdp import feed
from cdp.handover import Handover
from cdp.models import Order
from connectors import outbox
from connectors.models import Message
from connectors.models.message import State as Sending

MERGED = "merged"


def hold(members: Sequence[int]) -> None:
    """Who takes a step this moment is waited for; nobody takes the next one before the merge commits."""
    _held(member__in=list(members))


def join(over: Handover) -> None:
    unclosed = _held(member__in=[over.keep, over.drop])
    ours = {e.journey_id: e for e in unclosed if e.member_id == over.keep}
    theirs = [e for e in unclosed if e.member_id == over.drop]
    before = set(
        Enrolment.objects.filter(member=over.keep, journey__in=[e.journey_id for e in theirs]).values_list(
            "journey", "cause"
        )
    )
    go, leave = [], []
    for each in theirs:
        own = ours.get(each.journey_id)
        if (each.journey_id, each.cause) in before or (own and _began(own) < _began(each)):
            leave.append(each)  # a cause enrols a member once
        else:
            go.append(each)
            leave += [own] if own else []
    _leave(leave, over)
    Enrolment.objects.filter(pk__in=[each.pk for each in go]).update(member=over.keep)
    if go:
        over.moved[Enrolment._meta.label] = [each.pk for each in go]


def part(over: Handover) -> None:
    back = [e.pk for e in _held(pk__in=over.moved.get(Enrolment._meta.label, []), member=over.keep)]
    Enrolment.objects.filter(pk__in=back).update(member=over.drop)
    outbox.hand_over(_messages(back), to=over.drop)


def credit(over: Handover) -> None:
    """Messages to one may have led to orders of the other: our reader hears of the orders again, and credits by the rows."""
    both = [over.keep, over.drop]
    if not Message.objects.filter(member__in=both, state=Sending.SENT).exists():
        return
    orders = Order.objects.filter(member__in=both, placed_at__lte=over.at).order_by("pk")
    feed.tell(READER, [feed.Heard("order", *row) for row in orders.values_list("pk", "member", "placed_at")])


def unclosed(member: int) -> int:
    return Enrolment.objects.filter(member=member, closed_at=None).count()


def _held(**which: object) -> list[Enrolment]:
    return list(Enrolment.objects.filter(closed_at=None, **which).order_by("pk").select_for_update(no_key=True))


def _began(enrolment: Enrolment) -> tuple[object, int]:
    return enrolment.enrolled_at, enrolment.pk


def _leave(leave: Sequence[Enrolment], over: Handover) -> None:
    """One that has taken its last step, or was held out, keeps its state; its goal window is over."""
    ids = [each.pk for each in leave]
    Enrolment.objects.filter(pk__in=ids, state=Enrolment.State.OPEN).update(
        state=Enrolment.State.EXITED, reason=MERGED, due_at=None, closed_at=over.at
    )
    Enrolment.objects.filter(pk__in=ids, closed_at=None).update(closed_at=over.at)
    outbox.cancel(_messages(ids), reason=MERGED)


def _messages(enrolments: Sequence[int]) -> list[UUID]:
    runs = StepRun.objects.filter(enrolment__in=enrolments, message__isnull=False)
    return [message for message in runs.values_list("message", flat=True) if message]
