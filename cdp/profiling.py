"""Who is not judged by what is known: whoever refuses it (the purpose `profiling`, withdrawn), and whoever was erased.

They have no profile and stand nowhere: no stage, no value tier. Their orders count in every sum of money as before. It holds
from the word on, whatever instant is asked about, and until a later grant.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from cdp.models import Consent
from cdp.models.consent import Purpose, State


def judged(member: str = "m") -> str:
    """SQL over a row of cdp_member: may be judged."""
    return f"""({member}.erased_at IS NULL AND NOT EXISTS (
        SELECT FROM cdp_consent refusal
        WHERE refusal.member_id = {member}.id AND refusal.purpose = 'profiling' AND refusal.state = 'withdrawn'))"""


def not_judged(member: str = "pk") -> Q:
    """The same over the ORM's members, the other way round."""
    refusal = Consent.objects.filter(member=OuterRef(member), purpose=Purpose.PROFILING, state=State.WITHDRAWN)
    return Q(Exists(refusal)) | Q(erased_at__isnull=False)


# A place ends where the next begins; this next one is nowhere.
_END = f"""
    WITH unjudged AS (
        SELECT m.id FROM cdp_member m
        WHERE m.id IN (SELECT member_id FROM cdp_profile WHERE %(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s))
          AND NOT {judged("m")}),
    gone AS (DELETE FROM cdp_profile WHERE member_id IN (SELECT id FROM unjudged)),
    habits AS (DELETE FROM cdp_buying WHERE member_id IN (SELECT id FROM unjudged)),
    behaviour AS (DELETE FROM cdp_behaviour WHERE member_id IN (SELECT id FROM unjudged)),
    stood AS (
        SELECT DISTINCT ON (p.member_id, p.axis) p.member_id, p.axis, p.value, p.since
        FROM cdp_placement p WHERE p.member_id IN (SELECT id FROM unjudged)
        ORDER BY p.member_id, p.axis, p.since DESC)
    INSERT INTO cdp_placement (member_id, axis, value, since, why)
    SELECT member_id, axis, '', greatest(since, %(as_of)s), '{{"ended": "not_judged"}}' FROM stood WHERE value <> ''
    ON CONFLICT (member_id, axis, since) DO UPDATE SET value = excluded.value, why = excluded.why
"""


def end(members: Sequence[int] | None, *, as_of: datetime) -> None:
    """The profiles of those who are not judged go, and their places end (None: everybody's)."""
    with connection.cursor() as cursor:
        cursor.execute(_END, {"members": None if members is None else list(members), "as_of": as_of})
