"""Take as many messages as the next call carries, and commit that they are in flight before anything leaves the house."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from cdp import conditions
from connectors import crash, fallback, gate, render, terms
from connectors.gate import Address, Judged, Row
from connectors.models import ProviderAccount, Template, TemplateVersion
from connectors.provider import PROVIDERS, Account, Content, Provider, Recipient
from connectors.terms import Terms


@dataclass(frozen=True)
class Call:
    """What goes out next, and what its answer will be held against."""

    submission: UUID
    account: ProviderAccount
    terms: Terms
    content: Content
    to: list[Recipient]
    units: dict[UUID, int]
    deadline: float = field(repr=False)  # time.monotonic(); a claim that slept longer may not call any more

    @property
    def provider(self) -> Provider:
        return PROVIDERS.get(self.account.provider)

    @property
    def wire(self) -> Account:
        account = self.account
        return Account(account.key, account.base_url, self.terms.timeout, account.open())


@dataclass(frozen=True)
class Claimed:
    call: Call | None  # None: nobody may be written to
    messages: int  # how many were decided on


@transaction.atomic
def claim(key: str, *, limit: int, now: datetime) -> Claimed | None:
    """None: nothing is due for this account."""
    started = time.monotonic()
    account = _open_account(key)
    if account is None:
        return None
    its_terms = terms.read(account.settings)
    quiet = gate.postpone(account, its_terms, now=now)
    template, rows = _take(account, limit, not_marketing=quiet, now=now)
    if not rows:
        return None
    judged = gate.judge(rows, account, PROVIDERS.get(account.provider))
    call = _prepare(account, its_terms, template, judged, started, now=now)
    crash.point("claim.before_commit")
    return Claimed(call, len(judged.rows))


def _open_account(key: str) -> ProviderAccount | None:
    """Held until the commit: who stops the account waits for us, and we for him."""
    found = ProviderAccount.objects.raw(
        """SELECT * FROM connectors_provideraccount
           WHERE key = %s AND enabled AND (slow_until IS NULL OR slow_until <= clock_timestamp()) FOR SHARE""",
        [key],
    )
    return next(iter(found), None)


DUE = """m.state = 'ready' AND m.channel = %(channel)s AND m.ready_at <= %(now)s
         AND (m.retry_at IS NULL OR m.retry_at <= clock_timestamp())
         AND (m.purpose <> 'marketing' OR NOT %(not_marketing)s)"""


def _take(account: ProviderAccount, limit: int, *, not_marketing: bool, now: datetime) -> tuple[int, list[Row]]:
    """The oldest that is due, and what may travel with it: the same template, each member once."""
    most = PROVIDERS.get(account.provider).caps.max_batch
    asked: dict[str, Any] = {"channel": account.channel, "now": now, "not_marketing": not_marketing, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT m.template_id, coalesce(m.together, %(most)s) FROM connectors_message m
                JOIN connectors_template t ON t.id = m.template_id AND t.stopped_for = ''
                WHERE {DUE} ORDER BY m.ready_at, m.id LIMIT 1 FOR UPDATE OF m SKIP LOCKED""",
            asked,
        )
        if not (head := cursor.fetchone()):
            return 0, []
        asked |= {"template": head[0], "together": head[1], "limit": min(head[1], limit)}
        cursor.execute(
            f"""SELECT m.id, coalesce(who.merged_into_id, who.id), m.purpose, m.data
                FROM connectors_message m JOIN cdp_member who ON who.id = m.member_id
                WHERE {DUE} AND m.template_id = %(template)s AND coalesce(m.together, %(most)s) = %(together)s
                ORDER BY m.ready_at, m.id LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED""",
            asked,
        )
        rows = [Row(id, member, purpose, json.loads(data)) for id, member, purpose, data in cursor.fetchall()]
    first = {row.member: row for row in reversed(rows)}
    return head[0], [row for row in rows if first[row.member] is row]


def _prepare(
    account: ProviderAccount, its_terms: Terms, template: int, judged: Judged, started: float, *, now: datetime
) -> Call | None:
    provider = PROVIDERS.get(account.provider)
    rows, addresses, refused = judged.rows, judged.addresses, judged.refused
    version = TemplateVersion.objects.get(pk=Template.objects.values_list("live").get(pk=template)[0])
    to: list[Recipient] = []
    units: dict[UUID, int] = {}
    facts = _facts(version, [row.member for row in rows if row.id not in refused], now)
    for row in rows:
        if row.id in refused:
            continue
        try:
            params = render.values(
                version.variables, row.data, facts.get(row.member, {}), longest=provider.caps.max_param_len
            )
        except render.Unrenderable as reason:
            refused[row.id] = str(reason)
            continue
        to.append(Recipient(row.id, addresses[row.member].wire, params))
        units[row.id] = provider.units(version.sign, render.fill(version.text, params))
    fallback.refuse(refused, state="suppressed")
    if not to:
        return None
    call = Call(
        uuid4(),
        account,
        its_terms,
        Content(version.sign, version.provider_code),
        to,
        units,
        started + its_terms.lease - 1.1 * its_terms.timeout,
    )
    _fly(call, version, {row.id: addresses[row.member] for row in rows if row.id in units}, now=now)
    return call


def _facts(version: TemplateVersion, members: Sequence[int], now: datetime) -> dict[int, dict[str, Any]]:
    asked = {spec["fact"] for spec in version.variables.values() if "fact" in spec}
    return conditions.facts(members, as_of=now, names=asked) if asked else {}


def _fly(call: Call, version: TemplateVersion, addresses: dict[Any, Address], *, now: datetime) -> None:
    """The submission, its attempts and the leases: what is committed before the call is made."""
    ids = [recipient.key for recipient in call.to]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_submission (id, account_id, version_id, provider_id, created_at, wire_at, outcome, code)
               VALUES (%s, %s, %s, '', %s, clock_timestamp(), '', '')""",
            [call.submission, call.account.pk, version.pk, now],
        )
        cursor.execute(
            """WITH flown AS (
                   UPDATE connectors_message m
                   SET state = 'inflight', account_id = %s, token = %s, units = u.units, tries = m.tries + 1, retry_at = NULL,
                       lease_until = clock_timestamp() + make_interval(secs => %s)
                   FROM unnest(%s::uuid[], %s::int[]) AS u (id, units) WHERE m.id = u.id RETURNING m.id, m.tries)
               INSERT INTO connectors_attempt (message_id, n, submission_id, address, blind_key, outcome, code)
               SELECT flown.id, flown.tries, %s, a.blind, a.blind_key, '', ''
               FROM flown JOIN unnest(%s::uuid[], %s::bytea[], %s::text[]) AS a (id, blind, blind_key) USING (id)""",
            [
                call.account.pk,
                call.submission,
                call.terms.lease,
                ids,
                [call.units[id] for id in ids],
                call.submission,
                ids,
                [addresses[id].blind for id in ids],
                [addresses[id].blind_key for id in ids],
            ],
        )
