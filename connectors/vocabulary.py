"""Messages as conditions ask for them: by whom they were caused, by which channel, how far they came.

A message happened when it was sent; one that was not is as old as itself. How far it came is known of now only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, F, Func, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import RECORDS, Property, Record, Row, Rows
from cdp.models.consent import Channel
from connectors import engagement
from connectors.models import Message
from connectors.models.message import Delivery, State

JOURNEY = "journey:"
# What a message that the provider took has been through.
THROUGH: dict[str, list[str]] = {
    Delivery.NONE: ["sent"],
    Delivery.UNDELIVERED: ["sent", "undelivered"],
    Delivery.DELIVERED: ["sent", "delivered"],
    Delivery.CLICKED: ["sent", "delivered", "clicked"],
    Delivery.REPLIED: ["sent", "delivered", "replied"],
}
STATUSES = (
    ("sent", State.SENT.label),
    ("delivered", Delivery.DELIVERED.label),
    ("clicked", Delivery.CLICKED.label),
    ("replied", Delivery.REPLIED.label),
    ("undelivered", Delivery.UNDELIVERED.label),
    *((state.value, state.label) for state in State if state != State.SENT),
)
TEXTS = ArrayField(TextField())


class Part(Func):
    """(text, mark, number) -> the part of the text between the marks."""

    function = "split_part"
    output_field = TextField()


def _of_journey(value: Func) -> Case:
    return Case(When(origin__startswith=JOURNEY, then=value))


def _status(as_of: datetime) -> Case:
    ways = [When(delivery=delivery, then=Value(way, TEXTS)) for delivery, way in THROUGH.items()]
    otherwise = Func(F("state"), template="ARRAY[%(expressions)s::text]", output_field=TEXTS)
    return Case(When(state=State.SENT, then=Case(*ways)), default=otherwise, output_field=TEXTS)


PROPERTIES = {
    "channel": Property(
        _("channel"),
        "choice",
        lambda as_of: F("channel"),
        choices=tuple(choice for choice in Channel.choices if choice[0] != Channel.ANY),
    ),
    "journey": Property(
        _("journey"),
        "text",
        lambda as_of: _of_journey(Part(Part(F("origin"), Value(":"), Value(2)), Value("@"), Value(1))),
    ),
    "step": Property(_("step"), "text", lambda as_of: _of_journey(Part(F("cause_key"), Value("/"), Value(2)))),
    "status": Property(_("status"), "list", _status, choices=STATUSES),
}


def rows() -> QuerySet[Message]:
    return Message.objects.annotate(happened=Coalesce("sent_at", "created_at"))


def read(members: Sequence[int], as_of: datetime) -> Rows:
    """Member -> messages up to the instant."""
    found = Rows()
    for message in Message.objects.filter(Q(member__in=members)):
        happened = message.sent_at or message.created_at
        if happened <= as_of:
            found.setdefault(message.member_id, []).append(Row(happened, _values(message)))
    return found


def _values(message: Message) -> dict[str, object]:
    kind, _colon, journey = message.origin.partition(":")
    ours = f"{kind}:" == JOURNEY
    _enrolment, _slash, rest = message.cause_key.partition("/")
    return {
        "channel": message.channel,
        "journey": journey.partition("@")[0] if ours else None,
        "step": rest.partition("/")[0] if ours else None,
        "status": THROUGH[message.delivery] if message.state == State.SENT else [message.state],
    }


RECORDS.add(
    "message.received",
    Record(label=_("a message"), rows=rows, at="happened", properties=PROPERTIES, read=read, historical=False),
)

__all__ = ["engagement"]  # its fields are declared where they are computed
