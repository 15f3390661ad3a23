"""Who stands for a member: itself, or the one that it was merged into. `merged_into` always names the last of a row of merges,
so one look-up answers.

A merge holds the identities and the rows of both members from its first statements to its commit. Whoever writes what a merge
moves is met there: rows come in by an identity, which they hold (identity.owners); a word of consent and an enrolment hold the
member (`hold`). Whoever may hold what the merge needs later (a step its enrolments, a posting its accounts) is met at those.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from cdp.models import Member

# SQL: the ids of everybody that a member is and was, for a lateral join. Reads one index of the merged alone.
FAMILY = "(SELECT {member} AS id UNION ALL SELECT was.id FROM cdp_member was WHERE was.merged_into_id = {member})"


def root(member: int) -> int:
    """The member that stands for this one; an unknown one stands for itself."""
    return roots([member]).get(member, member)


def roots(members: Iterable[int]) -> dict[int, int]:
    """Member -> who stands for it. Those that do not exist are left out."""
    rows = Member.objects.filter(pk__in=set(members)).values_list("pk", "merged_into")
    return {member: winner or member for member, winner in rows}


def hold(members: Iterable[int], *, alone: bool = False) -> dict[int, int]:
    """The same, and until the commit no merge changes it. `alone`: for who will change the members' own rows."""
    mode = "NO KEY UPDATE" if alone else "SHARE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, coalesce(merged_into_id, id) FROM cdp_member WHERE id = ANY(%s) ORDER BY id FOR {mode}",
            [sorted(set(members))],
        )
        return dict(cursor.fetchall())
