"""A wish becomes a message, once per cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from config.ground.cause import Cause
from config.ground.nudge import nudge
from connectors.errors import UnknownTemplate
from connectors.models import Message, ProviderAccount, Template
from connectors.models.message import State

STALE = timedelta(days=3)  # nothing waits for ever: what a wish without `not_after` gets


@dataclass(frozen=True)
class Wish:
    member: int
    channels: tuple[str, ...]  # in the order of preference
    template: str
    data: dict[str, str]
    cause: Cause
    not_after: datetime | None = None
    purpose: str = "marketing"


@transaction.atomic
def enqueue(wishes: Sequence[Wish], *, now: datetime) -> int:
    """Returns how many messages are new; a cause that was heard before makes none. Part of the caller's transaction."""
    templates = _templates({wish.template for wish in wishes})
    rows = []
    for wish in sorted(
        wishes, key=lambda wish: wish.cause.id
    ):  # in one order, so that two callers never wait for each other
        channels = [channel for channel in wish.channels if (wish.template, channel) in templates]
        if not channels:
            raise UnknownTemplate(
                _("no template %(key)s for %(channels)s") % {"key": wish.template, "channels": ", ".join(wish.channels)}
            )
        rows.append((wish, channels, templates[wish.template, channels[0]]))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_message
                 (id, member_id, origin, cause_key, purpose, channels, channel, template_id, data, not_after,
                  ready_at, created_at, state, reason, delivery, provider_id, units, cost, tries, asked, resent)
               SELECT id, member, origin, cause_key, purpose, string_to_array(channels, ','), split_part(channels, ',', 1),
                      template, data, coalesce(not_after, %s), %s, %s, 'ready', '', 'none', '', 0, 0, 0, 0, false
               FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
                           %s::jsonb[], %s::timestamptz[])
                    AS w (id, member, origin, cause_key, purpose, channels, template, data, not_after)
               ON CONFLICT (id) DO NOTHING""",
            [
                now + STALE,
                now,
                now,
                [wish.cause.id for wish, _c, _t in rows],
                [wish.member for wish, _c, _t in rows],
                [wish.cause.origin for wish, _c, _t in rows],
                [wish.cause.key for wish, _c, _t in rows],
                [wish.purpose for wish, _c, _t in rows],
                [",".join(channels) for _w, channels, _t in rows],
                [template for _w, _c, template in rows],
                [json.dumps(wish.data, ensure_ascii=False) for wish, _c, _t in rows],
                [wish.not_after for wish, _c, _t in rows],
            ],
        )
        stored = cursor.rowcount
    nudge("connectors.dispatch")
    return stored


def cancel(messages: Sequence[UUID], *, reason: str) -> int:
    """What nobody has in hand does not go. Returns how many; one that is being sent at this moment goes."""
    return _ready(messages, "state = 'cancelled', reason = %s", [reason])


def hand_over(messages: Sequence[UUID], *, to: int) -> int:
    """What nobody has in hand is for another member from now on."""
    return _ready(messages, "member_id = %s", [to])


def _ready(messages: Sequence[UUID], change: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE connectors_message SET {change}
                WHERE id IN (SELECT id FROM connectors_message WHERE id = ANY(%s) AND state = 'ready'
                             ORDER BY id FOR UPDATE SKIP LOCKED)""",
            [*values, list(messages)],
        )
        return cursor.rowcount


def _templates(keys: set[str]) -> dict[tuple[str, str], int]:
    live = Template.objects.filter(key__in=keys, live__isnull=False)
    return {(key, channel): pk for key, channel, pk in live.values_list("key", "channel", "pk")}


def unsettled(*, now: datetime) -> int:
    """How many messages are on their way or can go: 0 when there is nothing left to do at this instant. Some of them wait for
    the database's clock (a refused call, a question), whatever time it is for the brand.
    """
    open_channels = ProviderAccount.objects.filter(enabled=True).values("channel")
    can_go = Q(state=State.READY, ready_at__lte=now, channel__in=open_channels, template__stopped_for="")
    return Message.objects.filter(Q(state__in=(State.INFLIGHT, State.UNKNOWN)) | can_go).count()
