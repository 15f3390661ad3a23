"""Members as plain values: what the plain reading and every explanation look at. One statement a table for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cdp import tags
from cdp.conditions import events
from cdp.conditions.facts import facts
from cdp.conditions.plain import Known
from cdp.conditions.tree import Did, Node, leaves
from cdp.conditions.vocabulary import RECORDS, Row
from cdp.models import Consent, Member, MemberTag, SegmentMember
from cdp.profiling import not_judged
from config.ground import clock


def known(
    members: Sequence[int], *, as_of: datetime, of: Node | None = None, event: Mapping[str, Any] | None = None
) -> dict[int, Known]:
    """Member -> all that is known. `of`: only the records that this condition asks of are read, not all of them."""
    values = facts(members, as_of=as_of)
    unjudged = set(Member.objects.filter(not_judged(), pk__in=members).values_list("pk", flat=True))
    rows, carried, belonging, said, zone = (
        _rows(members, as_of, of),
        _tags(members, as_of),
        _segments(members),
        _consents(members, as_of),
        clock.zone(),
    )
    return {
        member: Known(
            as_of=as_of,
            zone=zone,
            judged=member not in unjudged,
            facts=values[member],
            records=rows[member],
            tags=frozenset(carried[member]),
            segments=frozenset(belonging[member]),
            consents=said[member],
            event=event,
        )
        for member in values
    }


def _rows(members: Sequence[int], as_of: datetime, of: Node | None) -> dict[int, dict[str, Sequence[Row]]]:
    asked = None if of is None else {leaf.what for leaf in leaves(of) if isinstance(leaf, Did)}
    found: dict[int, dict[str, Sequence[Row]]] = defaultdict(dict)
    read = {name: record.read(members, as_of) for name, record in RECORDS.items() if asked is None or name in asked}
    if asked is None:
        read |= {type: rows for type, rows in events.read(members, as_of).items() if type not in RECORDS}
    else:
        read |= {type: events.read(members, as_of, type=type).get(type, {}) for type in asked if type not in RECORDS}
    for name, by_member in read.items():
        for member, rows in by_member.items():
            found[member][name] = rows
    return found


def _tags(members: Sequence[int], as_of: datetime) -> dict[int, set[tuple[str, str]]]:
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    carried = MemberTag.objects.filter(tags.in_force(as_of), member__in=members)
    for member, family, name in carried.values_list("member", "tag__family", "tag__name"):
        found[member].add((family, name))
    return found


def _segments(members: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    belonging = SegmentMember.objects.filter(member__in=members)
    for member, key in belonging.values_list("member", "segment__key"):
        found[member].add(key)
    return found


def _consents(members: Sequence[int], as_of: datetime) -> dict[int, dict[tuple[str, str], str]]:
    found: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
    said = Consent.objects.filter(member__in=members, at__lte=as_of)
    for member, channel, purpose, state in said.values_list("member", "channel", "purpose", "state"):
        found[member][channel, purpose] = state
    return found
