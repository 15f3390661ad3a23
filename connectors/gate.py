"""May it go, and if not, why: asked in the claim, just before the call, in business time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from cdp import consents, identity
from cdp.identity import Stored
from config.ground import blinds, clock
from connectors.models import ProviderAccount
from connectors.provider import Provider
from connectors.terms import Terms


@dataclass(frozen=True)
class Row:
    """A message as it is claimed, for the member who stands for the one that it was meant for."""

    id: UUID
    member: int
    purpose: str
    data: dict[str, str]


@dataclass(frozen=True)
class Address:
    wire: str
    blind: bytes
    blind_key: str


def expire(now: datetime) -> int:
    """What is past its time does not go."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message SET state = 'expired', reason = 'not_after'
               WHERE id IN (SELECT id FROM connectors_message WHERE state = 'ready' AND not_after <= %s
                            ORDER BY id FOR UPDATE SKIP LOCKED)""",
            [now],
        )
        return cursor.rowcount


def postpone(account: ProviderAccount, terms: Terms, *, now: datetime) -> bool:
    """In quiet hours all marketing that is due waits for their end. Returns whether it is quiet."""
    allowed = terms.allowed_from(now, clock.zone())
    if allowed == now:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE connectors_message SET ready_at = %s
               WHERE id IN (SELECT id FROM connectors_message
                            WHERE state = 'ready' AND channel = %s AND purpose = 'marketing' AND ready_at < %s
                            ORDER BY id FOR UPDATE SKIP LOCKED)""",
            [allowed, account.channel, allowed],
        )
    return True


@dataclass(frozen=True)
class Judged:
    rows: list[Row]  # what is decided on
    addresses: dict[int, Address]  # of members
    refused: dict[UUID, str]  # why a message may not go


def judge(taken: Sequence[Row], account: ProviderAccount, provider: Provider) -> Judged:
    """A message whose member was merged, or parted, after it was taken is left as it is: it is the next claim's."""
    caps = provider.caps
    known = _stored([row.member for row in taken], caps.id_kind)
    stands = _standing(taken)  # with the identities held: whom a merge gives or takes them is known from here on
    rows = [row for row in taken if stands[row.id].member == row.member]
    wire = {m: provider.wire_address(stored.value) for m, stored in known.items()}
    blocked = _blocked(account.channel, caps.id_kind, known)
    said = _consents(rows, account.channel)
    unjudged = consents.refusing_profiling({row.member for row in rows})
    made_up = set() if account.sandbox else _synthetic(rows)
    refused: dict[UUID, str] = {}
    for row in rows:
        consent = said.get((row.member, row.purpose))
        if stands[row.id].erased:
            refused[row.id] = "erased"
        elif consent == "withdrawn" or (consent is None and row.purpose == "marketing"):
            refused[row.id] = "no_consent"
        elif row.member in unjudged and row.purpose == "marketing":
            refused[row.id] = "not_judged"  # whom marketing goes to is chosen by what is known
        elif row.member not in known:
            refused[row.id] = "no_address"
        elif wire[row.member] is None:
            refused[row.id] = "invalid_address"
        elif row.member in blocked:
            refused[row.id] = "blocked_address"
        elif row.member in made_up:
            refused[row.id] = "synthetic_member"
    addresses = {m: Address(number, known[m].blind, known[m].blind_key) for m, number in wire.items() if number}
    return Judged(rows, addresses, refused)


def _stored(members: Sequence[int], kind: str) -> dict[int, Stored]:
    """Their newest addresses, held. One that was waited for may be somebody else's by now: then an older one is the newest."""
    while not (known := identity.stored(members, kind)).keys() <= set(members):
        pass
    return known


class _Stands(NamedTuple):
    member: int
    erased: bool


def _standing(rows: Sequence[Row]) -> dict[UUID, _Stands]:
    """Message -> who stands for its member now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT m.id, coalesce(who.merged_into_id, who.id), who.erased_at IS NOT NULL
               FROM connectors_message m JOIN cdp_member who ON who.id = m.member_id WHERE m.id = ANY(%s)""",
            [[row.id for row in rows]],
        )
        return {id: _Stands(*found) for id, *found in cursor.fetchall()}


def _consents(rows: Sequence[Row], channel: str) -> dict[tuple[int, str], str]:
    """What holds for this channel: a word about `any` counts for it too, and of the two a withdrawal is the stronger. The words
    are held first and read then: a withdrawal that is under way is waited for, a later one waits until the claim is in flight.
    """
    members = [row.member for row in rows]
    said: dict[tuple[int, str], str] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM cdp_consent WHERE member_id = ANY(%s) ORDER BY member_id, channel, purpose FOR SHARE",
            [members],
        )
        cursor.execute(
            "SELECT member_id, purpose, state FROM cdp_consent WHERE member_id = ANY(%s) AND channel IN (%s, 'any')",
            [members, channel],
        )
        for member, purpose, state in cursor.fetchall():
            if said.get((member, purpose)) != "withdrawn":
                said[member, purpose] = state
    return said


def _blocked(channel: str, kind: str, known: dict[int, Stored]) -> set[int]:
    """An address may have been blocked under an older blind key, by who never was a member."""
    versions = blinds.versions()
    owner = {
        blind: member
        for member, stored in known.items()
        for blind in identity.Key(kind, "", stored.value).blinds(versions)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT blind FROM connectors_blockedaddress WHERE channel = %s AND blind = ANY(%s)", [channel, list(owner)]
        )
        return {owner[bytes(row[0])] for row in cursor.fetchall()}


def _synthetic(rows: Sequence[Row]) -> set[int]:
    """Made-up people have made-up numbers, and those belong to somebody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM cdp_member WHERE id = ANY(%s) AND synthetic", [[row.member for row in rows]])
        return {row[0] for row in cursor.fetchall()}
