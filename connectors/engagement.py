"""How members answer to what is written to them, by channel: fields over the outbox itself, so nothing is kept twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, F, FloatField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import SHARE, declare
from cdp.models.consent import Channel
from config.ground import clock
from config.ground.durations import parse
from connectors.models import Message
from connectors.models.message import Delivery

WINDOW = 90  # days of what is counted
ANSWERED = (Delivery.CLICKED, Delivery.REPLIED)
OUTBOX = _("messages sent")


def _sent(as_of: datetime, channel: str | None, *, within: int | None = None) -> QuerySet[Any, Any]:
    """One row a member at most: what was sent up to then."""
    sent = Message.objects.filter(member=OuterRef("pk"), sent_at__lte=as_of)
    if channel:
        sent = sent.filter(channel=channel)
    if within:
        length = parse(f"P{within}D")
        assert length is not None
        sent = sent.filter(sent_at__gt=length.before(as_of, clock.zone()))
    return sent.order_by().values("member")


def last_at(channel: str | None = None) -> Callable[[datetime], Subquery]:
    return lambda as_of: Subquery(
        _sent(as_of, channel).annotate(last=Max("sent_at")).values("last"), output_field=DateTimeField()
    )


def count(channel: str | None = None) -> Callable[[datetime], Coalesce]:
    """Who was not written to got none."""
    return lambda as_of: Coalesce(
        Subquery(_sent(as_of, channel, within=WINDOW).annotate(n=Count("pk")).values("n")), Value(0)
    )


def answered(channel: str | None = None) -> Callable[[datetime], Subquery]:
    """Clicked or replied to, of those sent; not known of whom nothing was sent to."""

    def expression(as_of: datetime) -> Subquery:
        found = _sent(as_of, channel, within=WINDOW).annotate(n=Count("pk"), yes=Count("pk", Q(delivery__in=ANSWERED)))
        return Subquery(found.annotate(share=Cast("yes", FloatField()) / F("n")).values("share"))

    return expression


def _declare(prefix: str, label: Any, channel: str | None) -> None:
    declare(
        f"last_{prefix}_at",
        format_lazy(_("last message, {channel}"), channel=label),
        "time",
        last_at(channel),
        historical=True,
        source=OUTBOX,
        definition=_("When the last message was sent."),
    )
    declare(
        f"{prefix}s_90",
        format_lazy(_("messages in 90 days, {channel}"), channel=label),
        "number",
        count(channel),
        historical=True,
        source=OUTBOX,
        definition=_("Messages sent in the last 90 days."),
    )
    declare(
        f"{prefix}_answered_90",
        format_lazy(_("answered in 90 days, {channel}"), channel=label),
        "number",
        answered(channel),
        unit=SHARE,
        source=OUTBOX,
        definition=_("Clicked or replied to, of the messages sent in the last 90 days."),
    )


_declare("message", Channel.ANY.label, None)
for each in Channel:
    if each is not Channel.ANY:
        _declare(f"{each.value}_message", each.label, each.value)
