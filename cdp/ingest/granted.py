"""What may come in of whom: a child's grant names the guardian, a third party tells only of members who granted it, and an
untrusted source only of its own.

A third party's fact is stored when the purpose `third_party` was granted at the fact's instant and is not withdrawn since. What
it told goes again when the member withdraws (retention.py), so it tells of no money: orders stay under their member.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import consents, describing, resolving
from cdp.errors import Fault, Rejected
from cdp.ingest.batch import Accepted, Parsed
from cdp.ingest.rows import ConsentRow, MemberRow
from cdp.models import Source
from cdp.models.consent import Purpose, State
from cdp.resolving import Resolved
from config.ground import clock

Rows = Sequence[tuple[int | None, Parsed]]  # whom each row is about

# Whose latest word until the fact's instant is a grant, and whose word in force is one still.
_GRANTED = """
    SELECT f.n FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS f (n, member, at)
    JOIN cdp_consent c ON c.member_id = f.member AND c.purpose = 'third_party' AND c.state = 'granted'
    CROSS JOIN LATERAL (
        SELECT r.state FROM cdp_consentrecord r
        WHERE r.member_id = f.member AND r.purpose = 'third_party' AND r.at <= f.at
        ORDER BY r.at DESC, r.state DESC LIMIT 1) said
    WHERE said.state = 'granted'
"""


def events(parsed: Sequence[Parsed], source: Source, answer: Accepted, *, now: datetime) -> list[Parsed]:
    """Of a third party: those of members who granted it. Nobody new comes to be by them."""
    if not source.third_party:
        return list(parsed)
    with transaction.atomic():
        found = resolving.resolve([p.keys for p in parsed], source=source, now=now)
        transaction.set_rollback(True)  # it only told whose they are
    rows = list(zip(found.members, parsed, strict=True))
    granted = _granted([(p.index, member, p.row.occurred_at) for member, p in rows if member not in found.fresh])
    answer.rejected += [_ungranted(p) for p in parsed if p.index not in granted]
    return [p for p in parsed if p.index in granted]


def members(rows: Rows, found: Resolved, source: Source, *, now: datetime) -> list[Rejected]:
    """The rows about members that may not come in, now that it is known whom they are about."""
    rows = [(member, p) for n, (member, p) in enumerate(rows) if member and n not in found.weak]
    refused: dict[int, Rejected] = {}
    for check in (_of_third_party, _not_own, _by_children, _too_many_attributes):
        for rejected in check(rows, found, source, now):
            refused.setdefault(rejected.index, rejected)
    return list(refused.values())


def _of_third_party(rows: Rows, found: Resolved, source: Source, now: datetime) -> list[Rejected]:
    """Of a third party only rows that say nothing but consents, and those of members who granted it, in the row itself too."""
    if not source.third_party:
        return []
    before = _granted([(p.index, member, now) for member, p in rows if member not in found.fresh])
    return [
        _ungranted(p)
        for _member, p in rows
        if not _says_only_consents(p.row) and not _grants(p.row, p.index in before, now)
    ]


def _not_own(rows: Rows, found: Resolved, source: Source, now: datetime) -> list[Rejected]:
    """Of an untrusted source what would change members that others told of; a withdrawal is heard whoever brings it."""
    if source.trust != Source.Trust.UNTRUSTED:
        return []
    others = resolving.told_by_others({member for member, _p in rows if member is not None}, source)
    said = _("another source told of this member before; of it this source, untrusted, may only bring withdrawals")
    return [
        Rejected(p.index, "identities", "not_yours", said) for member, p in rows if member in others and _changes(p.row)
    ]


def _by_children(rows: Rows, found: Resolved, source: Source, now: datetime) -> list[Rejected]:
    """Rows in which a child grants without a guardian, or is made older by a source that is not trusted."""
    if not any(_grants_alone(p.row) or "birthday" in p.row.attributes for _member, p in rows):
        return []
    tz, stored = clock.zone(), consents.birthdays({member for member, _p in rows if member is not None})
    born = dict(stored)
    for member, p in rows:
        if member and "birthday" in p.row.attributes:
            told = consents.a_day(p.row.attributes["birthday"])
            if source.trust == Source.Trust.TRUSTED:  # knows best, also that nobody knows
                born.pop(member, None)
            if told:  # of what others say the youngest age holds
                born[member] = max(told, born.get(member, told))
    refused = []
    for member, p in rows:
        if (day := born.get(member or 0)) is None:
            continue
        fault = _alone(p.row, day, tz)
        if "birthday" in p.row.attributes and (before := stored.get(member or 0)) and consents.minor(before, now, tz):
            told = consents.a_day(p.row.attributes["birthday"])
            if source.trust != Source.Trust.TRUSTED and (told is None or not consents.minor(told, now, tz)):
                fault = Fault("attributes.birthday", "minor", consents.only_trusted())
        if fault:
            refused.append(Rejected(p.index, fault.path, fault.code, fault.message))
    return refused


def _alone(row: MemberRow, born: date, tz: ZoneInfo) -> Fault | None:
    for n, c in enumerate(row.consents):
        if fault := consents.lacks_guardian(c.state, c.guardian, c.at, born, tz):
            return Fault(f"consents[{n}].{fault.path}", fault.code, fault.message)
    return None


def _grants_alone(row: MemberRow) -> bool:
    return any(c.state == State.GRANTED and not c.guardian for c in row.consents)


def _too_many_attributes(rows: Rows, found: Resolved, source: Source, now: datetime) -> list[Rejected]:
    """Which would give a member more than it may have; rows of one member count together."""
    names: dict[int, set[str]] = {}
    for member, p in rows:
        if member and p.row.attributes:
            names.setdefault(member, set()).update(p.row.attributes)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT t.member FROM jsonb_to_recordset(%s) AS t (member bigint, names jsonb)
               LEFT JOIN cdp_member m ON m.id = t.member
               WHERE (SELECT count(*) FROM (SELECT jsonb_object_keys(m.attributes)
                                            UNION SELECT jsonb_array_elements_text(t.names)) n) > %s""",
            [
                json.dumps([{"member": member, "names": sorted(said)} for member, said in names.items()]),
                describing.MOST,
            ],
        )
        full = {row[0] for row in cursor.fetchall()}
    said = _("a member has at most %(most)d attributes") % {"most": describing.MOST}
    return [
        Rejected(p.index, "attributes", "too_many_attributes", said)
        for member, p in rows
        if member in full and p.row.attributes
    ]


def money(parsed: Sequence[Parsed], source: Source, answer: Accepted) -> list[Parsed]:
    """A third party tells of no orders and no refunds."""
    if not source.third_party:
        return list(parsed)
    said = _("a third party tells of events and attributes only; this source is one")
    answer.rejected += [Rejected(p.index, "", "third_party", said) for p in parsed]
    return []


def _granted(facts: Sequence[tuple[int, int | None, datetime]]) -> set[int]:
    known = [(n, member, at) for n, member, at in facts if member is not None]
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, [list(column) for column in zip(*known, strict=True)] or [[], [], []])
        return {row[0] for row in cursor.fetchall()}


def _says_only_consents(row: MemberRow) -> bool:
    return bool(row.consents) and not row.attributes and not row.tags and row.registered_at is None


def _changes(row: MemberRow) -> bool:
    """Says anything but withdrawals."""
    granted = any(c.state == State.GRANTED for c in row.consents)
    return granted or bool(row.attributes or row.tags or row.registered_at or row.synthetic)


def _grants(row: MemberRow, before: bool, now: datetime) -> bool:
    """The row's own latest word on it until now, else what was in force."""
    words: list[ConsentRow] = [c for c in row.consents if c.purpose == Purpose.THIRD_PARTY and c.at <= now]
    if not words:
        return before
    return max(words, key=lambda c: (c.at, c.state)).state == State.GRANTED


def _ungranted(p: Parsed) -> Rejected:
    said = _("the member has not granted that third parties tell of them (purpose third_party)")
    return Rejected(p.index, "identities", "no_consent", said)
