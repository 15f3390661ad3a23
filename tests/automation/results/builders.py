"""The cast of the results: a journey that ran, whom it enrolled, what it sent, and what they bought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from automation.models import Enrolment, Journey, JourneyVersion, StepRun
from cdp.models import Member, Order, Refund, Source
from config.ground.cause import Cause
from connectors.models import Message, Template

NOW = datetime(2017, 12, 1, 15, tzinfo=UTC)  # 10:00 in New York
_numbers = count(1)


def day(n: float) -> datetime:
    """`n` days after the first of October, 10:00 in New York."""
    return datetime(2017, 10, 1, 14, tzinfo=UTC) + timedelta(days=n)


def a_member(**fields: object) -> Member:
    return Member.objects.create(**{"created_at": day(-300), **fields})


def an_order(member: Member | None, at: datetime, amount: int = 1000, **other: object) -> Order:
    source, _made = Source.objects.get_or_create(code="till", defaults={"name": "till"})
    return Order.objects.create(
        member=member, source=source, external_id=f"o{next(_numbers)}", placed_at=at, amount=amount, currency="USD",
        recorded_at=at, **other,
    )  # fmt: skip


def a_return(member: Member | None, at: datetime, amount: int) -> Refund:
    """Without an order."""
    source, _made = Source.objects.get_or_create(code="till", defaults={"name": "till"})
    return Refund.objects.create(
        member=member,
        source=source,
        external_id=f"r{next(_numbers)}",
        refunded_at=at,
        amount=amount,
        recorded_at=at,
    )


def a_refund(order: Order, at: datetime, amount: int) -> Refund:
    return Refund.objects.create(
        order=order,
        source=order.source,
        external_id=f"r{next(_numbers)}",
        refunded_at=at,
        amount=amount,
        recorded_at=at,
    )


def a_journey(key: str = "win-back", zh: str = "沉睡唤回", en: str = "Win back the dormant") -> JourneyVersion:
    journey = Journey.objects.create(key=key, name={"zh": zh, "en": en})
    document = {"key": key, "name": journey.name, "holdout": 0.2, "goal": {"did": "order", "within": "P14D"}}
    version = JourneyVersion.objects.create(
        journey=journey, number=1, document=document, published_at=day(0), published_by="test"
    )
    Journey.objects.filter(pk=journey.pk).update(state="live", live=version)
    return version


def an_enrolment(
    version: JourneyVersion, member: Member, at: datetime, *, held_out: bool = False, window: int = 14
) -> Enrolment:
    """One whose last step and window are behind it."""
    return Enrolment.objects.create(
        journey=version.journey, version=version, member=member, cause=Cause("test", f"{member.pk}/{at}").id,
        state="held_out" if held_out else "done", enrolled_at=at, closes_at=at + timedelta(days=window),
        closed_at=at + timedelta(days=window),
    )  # fmt: skip


def a_message(
    enrolment: Enrolment, at: datetime, *, state: str = "sent", delivery: str = "delivered", step: str = "hello"
) -> Message:
    """As the runner asks for it and the sender settles it: keyed by its cause, remembered on the step's run."""
    template, _made = Template.objects.get_or_create(key="win-back", channel="sms", defaults={"name": "win back"})
    cause = Cause(enrolment.version.origin, f"{enrolment.pk}/{step}/1")
    message = Message.objects.create(
        id=cause.id, member=enrolment.member, origin=cause.origin, cause_key=cause.key, purpose="marketing",
        channels=["sms"], channel="sms", template=template, state=state, reason="" if state == "sent" else "no_consent",
        delivery=delivery if state == "sent" else "none", ready_at=at, created_at=at,
        sent_at=at if state == "sent" else None, units=1 if state == "sent" else 0, cost=5 if state == "sent" else 0,
    )  # fmt: skip
    StepRun.objects.create(enrolment=enrolment, step=step, visit=1, at=at, outcome="sent", message=message.pk)
    return message
