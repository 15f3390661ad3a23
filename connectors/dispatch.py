"""The sender: claim, call, settle. Nothing external happens inside a transaction; what dies between two of them is asked for."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext_noop

from config.ground import alarms
from connectors import crash, gate, terms
from connectors.claim import Call, claim
from connectors.models import ProviderAccount
from connectors.provider import Outcome, Result
from connectors.settle import settle

log = logging.getLogger(__name__)


def send_due(*, limit: int = 1000, now: datetime) -> int:
    """Send what is due, up to `limit` messages. Returns how many were decided on; 0: nothing is due."""
    handled = gate.expire(now) + lapse()
    for key in ProviderAccount.objects.filter(enabled=True).order_by("key").values_list("key", flat=True):
        try:
            while handled < limit and (count := _send_next(key, limit=limit - handled, now=now)):
                handled += count
        except (OperationalError, InterfaceError):
            raise  # the database is busy or away: the next tick tries again
        except Exception as error:
            # Settings or addresses that cannot be read: its messages wait for a human, the other accounts go on.
            log.error("account %s cannot send: %s", key, type(error).__name__)
            alarms.ring(f"account:{key}", gettext_noop("cannot send: %(error)s"), now=now, error=type(error).__name__)
    return handled


def _send_next(key: str, *, limit: int, now: datetime) -> int:
    """One call of an account. Returns how many messages were decided on."""
    claimed = claim(key, limit=limit, now=now)
    if claimed is None:
        return 0
    if claimed.call:
        crash.point("claim.after")
        results = _send(claimed.call)
        crash.point("call.after")
        settle(claimed.call, results, now=now)
        crash.point("settle.after")
    return claimed.messages


def _send(call: Call) -> list[Result]:
    """Outside any transaction. A call that could outlive its lease is not made: others may be asking by then."""
    if time.monotonic() > call.deadline:
        return [Result(recipient.key, Outcome.RETRY, "too_late") for recipient in call.to]
    try:
        return call.provider.send(call.wire, call.content, call.to, key=call.submission.hex)
    except Exception as error:
        # The type only: a message may hold an address.
        log.error("provider %s broke: %s", call.account.provider, type(error).__name__)
        return [Result(recipient.key, Outcome.UNKNOWN, type(error).__name__) for recipient in call.to]


def lapse() -> int:
    """A lease that ran out in flight: the call may have been made, so it is unknown, and never simply ready again."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message m SET state = 'unknown', reason = 'lease', lease_until = NULL, asked = 0,
                      ask_at = clock_timestamp()
                               + make_interval(secs => coalesce((a.settings ->> 'query_lag')::float, %s))
               FROM connectors_provideraccount a
               WHERE a.id = m.account_id
                 AND m.id IN (SELECT id FROM connectors_message WHERE state = 'inflight' AND lease_until < clock_timestamp()
                              ORDER BY id FOR UPDATE SKIP LOCKED)""",
            [terms.QUERY_LAG],
        )
        return cursor.rowcount
