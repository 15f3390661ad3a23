"""What an answer means for each message of the call.

Every write is fenced: only what this call still holds is moved, also when its lease ran out and the message became unknown. One
thing is stronger than the fence: that the provider has taken it, as with a receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from config.ground import alarms
from connectors import announce, blocks, crash, fallback, receipts
from connectors.claim import Call
from connectors.models import ProviderAccount, Template
from connectors.provider import Outcome, Result

LONGEST_WAIT = 600  # seconds between two tries
LONGEST_ASKED = 3600  # seconds that a provider may ask us to wait; more is a mistake of its own
# Refusals that may be one recipient's fault: a refused call is halved until the one is alone.
ONE_FAULT = {Outcome.INVALID, Outcome.OPTED_OUT, Outcome.NO_GRANT, Outcome.FREQ_CAP, Outcome.CONTENT}
REASON = {Outcome.INVALID: "invalid_address"}  # otherwise the outcome's own name


@dataclass(frozen=True)
class Held:
    id: UUID
    tries: int
    ours: bool  # this call still holds it


@transaction.atomic
def settle(call: Call, results: Sequence[Result], *, now: datetime) -> None:
    """A message without a result may have been taken."""
    by_key = {result.key: result for result in results}
    complete = [by_key.get(r.key) or Result(r.key, Outcome.UNKNOWN, "no_result") for r in call.to]
    held = _hold(call)
    groups: dict[Outcome, list[Result]] = {}
    for result in complete:
        groups.setdefault(result.outcome, []).append(result)
    for outcome, group in groups.items():
        here = [
            (held[result.key], result)
            for result in group
            if result.key in held and (held[result.key].ours or outcome == Outcome.ACCEPTED)
        ]
        if here:
            _move(call, outcome, here, now=now)
    _write_down(call, complete)
    receipts.match_late(call.account, sorted({r.provider_id for r in complete if r.provider_id}), now=now)
    crash.point("settle.before_commit")


def _hold(call: Call) -> dict[UUID, Held]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, tries, state IN ('inflight', 'unknown') AND token = %(token)s AS ours FROM connectors_message
               WHERE id = ANY(%(ids)s) AND state NOT IN ('sent', 'failed') AND (state <> 'inflight' OR token = %(token)s)
               ORDER BY id FOR NO KEY UPDATE""",
            {"ids": [recipient.key for recipient in call.to], "token": call.submission},
        )
        return {row[0]: Held(*row) for row in cursor.fetchall()}


def _move(call: Call, outcome: Outcome, here: list[tuple[Held, Result]], *, now: datetime) -> None:
    ids = [message.id for message, _result in here]
    result = here[0][1]
    if outcome == Outcome.ACCEPTED:
        mark_sent({m.id: r.provider_id for m, r in here}, price=call.terms.price_fen, reason="", now=now)
    elif outcome == Outcome.UNKNOWN:
        _lose(ids, result.code, call)
    elif outcome in ONE_FAULT and len(call.to) > 1:
        _ready(ids, together=(len(call.to) + 1) // 2)
    elif outcome in ONE_FAULT:
        _refused(call, outcome, ids, now=now)
    elif outcome == Outcome.QUIET:
        _ready(ids, wait=3600)
    elif outcome == Outcome.TEMPLATE:
        _ready(ids)
        stop_template(call, result.code, now=now)
    elif outcome == Outcome.CONFIG:
        _ready(ids)
        stop_account(call.account.key, result.code, now=now)
    else:
        asked = min(max(result.retry_after, 0), LONGEST_ASKED)
        wait = max(asked, min(2 ** here[0][0].tries, LONGEST_WAIT))
        _ready(ids, wait=wait)
        if outcome == Outcome.THROTTLED:
            _slow(call.account, max(asked, 1))


def mark_sent(provider_ids: dict[UUID, str], *, price: Decimal, reason: str, now: datetime) -> None:
    """Taken by the provider, as its answer, our question or a receipt says. The rows are locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message m
               SET state = 'sent', reason = %s, sent_at = coalesce(sent_at, %s), provider_id = p.provider_id,
                   cost = round(m.units * %s::numeric), lease_until = NULL, ask_at = NULL, retry_at = NULL
               FROM unnest(%s::uuid[], %s::text[]) AS p (id, provider_id) WHERE m.id = p.id""",
            [reason, now, price, list(provider_ids), list(provider_ids.values())],
        )
    announce.tell("message.sent", provider_ids, now=now)


def _lose(ids: list[UUID], code: str, call: Call) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message SET state = 'unknown', reason = %s, lease_until = NULL, asked = 0,
                      ask_at = clock_timestamp() + make_interval(secs => %s) WHERE id = ANY(%s)""",
            [code[:80], call.terms.query_lag, ids],
        )


def _ready(ids: list[UUID], *, wait: float = 0, together: int | None = None) -> None:
    """Surely not taken: once more, after `wait` seconds of the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message
               SET state = 'ready', reason = '', lease_until = NULL, token = NULL, ask_at = NULL,
                   together = coalesce(%s, together),
                   retry_at = CASE WHEN %s > 0 THEN clock_timestamp() + make_interval(secs => %s) END
               WHERE id = ANY(%s)""",
            [together, wait, wait, ids],
        )


def _refused(call: Call, outcome: Outcome, ids: list[UUID], *, now: datetime) -> None:
    reason = REASON.get(outcome, outcome.value)
    if outcome in (Outcome.INVALID, Outcome.OPTED_OUT):
        blocks.block_attempted(call.submission, ids, reason=reason, now=now)
    if outcome == Outcome.OPTED_OUT:
        blocks.withdraw(ids, evidence=f"{call.account.provider} {call.submission.hex}", now=now)
    announce.tell("message.failed", fallback.refuse(dict.fromkeys(ids, reason), state="failed"), now=now)


def stop_template(call: Call, code: str, *, now: datetime) -> None:
    stopped = Template.objects.filter(channel=call.account.channel, live__provider_code=call.content.code)
    for template in stopped.filter(stopped_for=""):
        Template.objects.filter(pk=template.pk).update(stopped_for=code)
        alarms.ring(
            f"template:{template.key}",
            gettext_noop("the provider %(provider)s refuses this template: %(code)s"),
            now=now,
            provider=call.account.provider,
            code=code,
        )


def stop_account(key: str, code: str, *, now: datetime) -> None:
    """Nothing of it can go until somebody has looked; its messages wait."""
    if ProviderAccount.objects.filter(key=key, enabled=True).update(enabled=False, stopped_for=code):
        alarms.ring(f"account:{key}", gettext_noop("the provider refuses this account: %(code)s"), now=now, code=code)


def _slow(account: ProviderAccount, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_provideraccount
               SET slow_until = greatest(slow_until, clock_timestamp() + make_interval(secs => %s)) WHERE id = %s""",
            [seconds, account.pk],
        )


def _write_down(call: Call, results: Sequence[Result]) -> None:
    """On the submission and its attempts, also for messages that a receipt has moved meanwhile."""
    first = results[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE connectors_submission SET provider_id = %s, outcome = %s, code = %s WHERE id = %s",
            [first.provider_id, first.outcome.value, first.code[:80], call.submission],
        )
        cursor.execute(
            """UPDATE connectors_attempt a SET outcome = r.outcome, code = r.code
               FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS r (id, outcome, code)
               WHERE a.submission_id = %s AND a.message_id = r.id AND a.outcome = ''""",
            [
                [r.key for r in results],
                [r.outcome.value for r in results],
                [r.code[:80] for r in results],
                call.submission,
            ],
        )
