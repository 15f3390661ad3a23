"""What may come in of whom: a child's grant names the guardian, a third party tells only of members who granted it, and an
untrusted source only of its own.

A third party's fact is stored when the purpose `third_party` was granted at the fact's instant and is not withdrawn since. What
it told goes again when the member withdraws (retention.py), so it tells of no money: orders stay under their member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cdp import consents, identity, resolving
from cdp.errors import Rejected
from cdp.identity import Key
from cdp.ingest.batch import Accepted, Parsed
from cdp.ingest.rows import ConsentRow, MemberRow
from cdp.models import Source
from cdp.models.consent import Purpose, State
from config.ground import clock

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


def by_children(parsed: Sequence[Parsed], answer: Accepted) -> list[Parsed]:
    """Without the rows in which a child grants by itself."""
    granting = [p for p in parsed if any(c.state == State.GRANTED and not c.guardian for c in p.row.consents)]
    if not granting:
        return list(parsed)
    tz, named = clock.zone(), identity.owners(key for p in granting for key in p.keys)
    born = consents.birthdays(set(named.values()))
    refused = set()
    for p in granting:
        days = [born[named[key]] for key in p.keys if key in named and named[key] in born]
        if told := consents.a_day(p.row.attributes.get("birthday")):
            days = [told]  # the row itself knows best: it corrects what is stored
        for n, c in enumerate(p.row.consents):
            if days and (fault := consents.lacks_guardian(c.state, c.guardian, c.at, max(days), tz)):
                answer.rejected.append(Rejected(p.index, f"consents[{n}].{fault.path}", fault.code, fault.message))
                refused.add(p.index)
                break
    return [p for p in parsed if p.index not in refused]


def events(parsed: Sequence[Parsed], source: Source, answer: Accepted) -> list[Parsed]:
    """Of a third party: those of members who granted it. Nobody new comes to be by them."""
    if not source.third_party:
        return list(parsed)
    named = identity.owners(key for p in parsed for key in p.keys)
    granted = _granted([(p.index, _member(p.keys, named), p.row.occurred_at) for p in parsed])
    return _without(parsed, granted, answer)


def members(parsed: Sequence[Parsed], source: Source, answer: Accepted, *, now: datetime) -> list[Parsed]:
    """Of a third party: rows that only say consents, and those of members who granted it, in the row itself too."""
    if not source.third_party:
        return list(parsed)
    named = identity.owners(key for p in parsed for key in p.keys)
    before = _granted([(p.index, _member(p.keys, named), now) for p in parsed])
    granted = {p.index for p in parsed if _says_only_consents(p.row) or _grants(p.row, p.index in before, now)}
    return _without(parsed, granted, answer)


def own(rows: Sequence[tuple[int, Parsed]], source: Source, answer: Accepted) -> list[tuple[int, Parsed]]:
    """Of an untrusted source: (member, row) of members that nobody else told of. A withdrawal is heard whoever brings it."""
    if source.trust != Source.Trust.UNTRUSTED:
        return list(rows)
    held = resolving.held_by({member for member, _p in rows})
    others = {member for member, slots in held.items() if any(told - {source.pk} for _kind, _app, told in slots)}
    refused = {p.index for member, p in rows if member in others and _changes(p.row)}
    said = _("another source told of this member before; of it this source, untrusted, may only bring withdrawals")
    answer.rejected += [Rejected(index, "identities", "not_yours", said) for index in sorted(refused)]
    return [(member, p) for member, p in rows if p.index not in refused]


def money(parsed: Sequence[Parsed], source: Source, answer: Accepted) -> list[Parsed]:
    """A third party tells of no orders and no refunds."""
    if not source.third_party:
        return list(parsed)
    said = _("a third party tells of events and attributes only; this source is one")
    answer.rejected += [Rejected(p.index, "", "third_party", said) for p in parsed]
    return []


def note_attributes(said: Mapping[int, MemberRow], source: Source) -> None:
    """Whose word an attribute is, where third parties speak: what we are told by somebody else stays."""
    pairs = [(member, name) for member, row in said.items() for name in row.attributes]
    columns: list[Any] = [[member for member, _name in pairs], [name for _member, name in pairs]]
    with connection.cursor() as cursor:
        if source.third_party:
            cursor.execute(
                """INSERT INTO cdp_thirdpartyattribute (member_id, source_id, name)
                   SELECT member, %s, name FROM unnest(%s::bigint[], %s::text[]) AS s (member, name) ORDER BY member, name
                   ON CONFLICT (member_id, name) DO UPDATE SET source_id = excluded.source_id""",
                [source.pk, *columns],
            )
        else:
            cursor.execute(
                """DELETE FROM cdp_thirdpartyattribute t USING unnest(%s::bigint[], %s::text[]) AS s (member, name)
                   WHERE t.member_id = s.member AND t.name = s.name""",
                columns,
            )


def _member(keys: Sequence[Key], named: Mapping[Key, int]) -> int | None:
    return next((named[key] for key in sorted(keys, key=identity.strength) if key in named), None)


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


def _without(parsed: Sequence[Parsed], granted: set[int], answer: Accepted) -> list[Parsed]:
    said = _("the member has not granted that third parties tell of them (purpose third_party)")
    answer.rejected += [Rejected(p.index, "identities", "no_consent", said) for p in parsed if p.index not in granted]
    return [p for p in parsed if p.index in granted]
