"""What an erasure does with this room's tables that take more than a statement of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from cdp import datakeys, profiling
from cdp.models import Identity, Profile

# What others named themselves with too is theirs from now on: the one who did so first.
_HAND_ON = """
    UPDATE cdp_identity i SET member_id = heir.member_id
    FROM (SELECT DISTINCT ON (u.identity_id) u.identity_id, u.member_id FROM cdp_identityuse u
          JOIN cdp_identity i ON i.id = u.identity_id AND i.member_id = ANY(%(members)s)
          JOIN cdp_member m ON m.id = u.member_id AND m.erased_at IS NULL
          ORDER BY u.identity_id, u.id) heir
    WHERE i.id = heir.identity_id
"""
_PARKED = """
    DELETE FROM cdp_parked WHERE blinds && (
        SELECT array_agg(blind) FROM cdp_identity WHERE member_id = ANY(%(members)s))
"""
_CANDIDATES = """
    UPDATE cdp_mergecandidate SET evidence = '{}',
           state = CASE WHEN state IN ('open', 'due') THEN 'overtaken' ELSE state END, decided_at = coalesce(decided_at, %(now)s)
    WHERE id IN (SELECT id FROM cdp_mergecandidate
                 WHERE (low_id = ANY(%(members)s) OR high_id = ANY(%(members)s)) AND (evidence <> '{}' OR decided_at IS NULL)
                 ORDER BY id FOR NO KEY UPDATE)
"""


def identities(members: Sequence[int], *, now: datetime) -> int:
    """They go, and with them the rows that waited for one of them to name somebody."""
    _count(_PARKED, members=list(members))
    handed_on = _count(_HAND_ON, members=list(members))
    _all, deleted = Identity.objects.filter(member__in=members).delete()
    return handed_on + deleted.get(Identity._meta.label, 0)


def keys(members: Sequence[int], *, now: datetime) -> int:
    return datakeys.destroy(members)


def candidates(members: Sequence[int], *, now: datetime) -> int:
    """Nobody is one person with a tombstone. What was decided stays, without what it rested on."""
    return _count(_CANDIDATES, members=list(members), now=now)


def profiles(members: Sequence[int], *, now: datetime) -> int:
    """They go, and where the members stood ends."""
    there = Profile.objects.filter(member__in=members).count()
    profiling.end(members, as_of=now)
    return there


def features(table: type[Model], members: Sequence[int], *, now: datetime) -> int:
    """What was computed beside the profile goes."""
    return table._default_manager.filter(member__in=members).delete()[0]


def _count(sql: str, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)
