"""Lost answers. The provider is asked by address and day; only what it surely does not know is sent again, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from connectors import addresses, crash, receipts, terms
from connectors.errors import Lost, NotSent
from connectors.models import ProviderAccount
from connectors.provider import PROVIDERS, Account, Question
from connectors.settle import mark_sent

SLICE = 5  # messages asked for at once: two days each, at an account's time-out, stay far below a task's limit
TIMES = 3  # not found so often: it was not taken
HORIZON = timedelta(days=2)  # of real time: who cannot be asked for so long is unknown for good


@dataclass(frozen=True)
class Missing:
    id: UUID
    token: UUID
    account: int
    n: int
    called: datetime


def settle(*, now: datetime) -> int:
    """Ask for what is unknown and due to be asked. Returns how many were asked for."""
    accounts = {account.pk: account for account in ProviderAccount.objects.all()}
    lost = _take()
    for one in lost:
        account = accounts[one.account]
        found = _ask(account, one)
        crash.point("ask.after")
        _decide(account, one, found, now=now)
    for account in accounts.values():
        receipts.sweep(account, now=now)
    return len(lost)


def _take() -> list[Missing]:
    """Put off before they are asked for, so that nobody else asks meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """WITH taken AS (
                   UPDATE connectors_message m SET ask_at = clock_timestamp() + interval '60 seconds'
                   WHERE id IN (SELECT id FROM connectors_message WHERE state = 'unknown' AND ask_at <= clock_timestamp()
                                ORDER BY ask_at LIMIT %s FOR UPDATE SKIP LOCKED)
                   RETURNING m.id, m.token, m.account_id)
               SELECT taken.id, taken.token, taken.account_id, a.n, s.wire_at
               FROM taken JOIN connectors_submission s ON s.id = taken.token
               JOIN connectors_attempt a ON a.submission_id = s.id AND a.message_id = taken.id
               ORDER BY taken.id""",
            [SLICE],
        )
        return [Missing(*row) for row in cursor.fetchall()]


def _ask(account: ProviderAccount, one: Missing) -> str | Exception | None:
    """The provider's id, None when it knows nothing of it, or why there is no answer."""
    provider, its_terms = PROVIDERS.get(account.provider), terms.read(account.settings)
    if not provider.caps.can_ask:
        return LookupError("cannot_ask")
    address = addresses.tried(one.id, provider.caps.id_kind, n=one.n)
    wire = address and provider.wire_address(address)
    if not wire:
        return LookupError("address_gone")
    asker = Account(account.key, account.base_url, its_terms.timeout, account.open())
    try:
        for day in _days(provider.calendar_day(one.called), provider.calendar_day(one.called + timedelta(seconds=60))):
            found = provider.ask(asker, Question(one.id, wire, one.token.hex, day))
            if found is not None:
                return found
    except (NotSent, Lost) as error:
        return error
    return None


def _days(*days: date) -> list[date]:
    """Of the call; two when it was made around the provider's midnight."""
    return sorted(set(days))


@transaction.atomic
def _decide(account: ProviderAccount, one: Missing, found: str | Exception | None, *, now: datetime) -> None:
    """Fenced by the token: a receipt may have told us while we asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT asked, resent, clock_timestamp() FROM connectors_message
               WHERE id = %s AND token = %s AND state = 'unknown' FOR NO KEY UPDATE""",
            [one.id, one.token],
        )
        if not (row := cursor.fetchone()):
            return
    asked, resent, at = row
    its_terms = terms.read(account.settings)
    if isinstance(found, str):
        mark_sent({one.id: found}, price=its_terms.price_fen, reason="asked", now=now)
    elif isinstance(found, LookupError):
        _end(one, str(found))
    elif isinstance(found, Exception):
        _end(one, "no_answer") if at - one.called > HORIZON else _ask_again(one, asked, 10 * its_terms.query_lag)
    elif asked + 1 < TIMES:
        _ask_again(one, asked + 1, its_terms.query_lag)
    elif resent:
        _end(one, "not_found")
    else:
        _ready_once(one)


def _end(one: Missing, reason: str) -> None:
    """At most once: it may have been taken. A receipt may still correct this."""
    _update(one, "state = 'unknown_final', reason = %s, ask_at = NULL", reason)


def _ask_again(one: Missing, asked: int, wait: float) -> None:
    _update(one, "asked = %s, ask_at = clock_timestamp() + make_interval(secs => %s)", asked, wait)


def _ready_once(one: Missing) -> None:
    _update(one, "state = 'ready', reason = '', resent = true, asked = 0, token = NULL, ask_at = NULL")


def _update(one: Missing, changes: str, *values: float | str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE connectors_message SET {changes} WHERE id = %s", [*values, one.id])
