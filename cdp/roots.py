"""Who stands for a member: itself, or the one that it was merged into. `merged_into` always names the last of a row of merges,
so one look-up answers.

A merge holds the identities and the rows of both members from its first statements to its commit. Whoever writes what a merge
moves is met there: rows come in by an identity, which they hold (identity.owners); a word of consent and an enrolment hold the
member (`hold`). Whoever may hold what the merge needs later (a step its enrolments, a posting its accounts) is met at those.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

# SQL: the ids of everybody that a member is and was, for a lateral join. Reads one index of the merged alone.
FAMILY = "(SELECT {member} AS id UNION ALL SELECT was.id FROM cdp_member was WHERE was.merged_into_id = {member})"

# SQL: the placements of those who stand, in the place of `cdp_placement`; a member that was merged away is not counted.
PLACEMENTS = "(SELECT p.* FROM cdp_placement p JOIN cdp_member m ON m.id = p.member_id AND m.merged_into_id IS NULL)"


def root(member: int) -> int:
    """The member that stands for this one; an unknown one stands for itself."""
    return roots([member]).get(member, member)


def roots(members: Iterable[int]) -> dict[int, int]:
    """Member -> who stands for it. Those that do not exist are left out."""
    return _read("SELECT id, coalesce(merged_into_id, id) FROM cdp_member WHERE id = ANY(%s)", members)


def away(members: Iterable[int]) -> dict[int, int]:
    """The same, of those that were merged away: mostly none."""
    return _read("SELECT id, merged_into_id FROM cdp_member WHERE id = ANY(%s) AND merged_into_id IS NOT NULL", members)


def went(members: Iterable[int]) -> dict[int, int]:
    """Those who were merged into one of them -> into whom: mostly none."""
    return _read("SELECT id, merged_into_id FROM cdp_member WHERE merged_into_id = ANY(%s) ORDER BY id", members)


def kin(members: Iterable[int]) -> dict[int, list[int]]:
    """Of those who were ever merged: member -> everybody that it has been one with, and itself, also where they have parted."""
    found: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE kin AS (
                   SELECT DISTINCT member, member AS id FROM unnest(%s::bigint[]) AS member
                   WHERE EXISTS (SELECT FROM cdp_merge m WHERE m.keep_id = member)
                      OR EXISTS (SELECT FROM cdp_merge m WHERE m.drop_id = member)
                   UNION
                   SELECT kin.member, CASE m.keep_id WHEN kin.id THEN m.drop_id ELSE m.keep_id END
                   FROM kin JOIN cdp_merge m ON m.keep_id = kin.id OR m.drop_id = kin.id)
               SELECT member, id FROM kin ORDER BY member, id""",
            [list(members)],
        )
        for member, other in cursor.fetchall():
            found.setdefault(member, []).append(other)
    return found


def hold(members: Iterable[int], *, alone: bool = False) -> dict[int, int]:
    """Who stands for them, and until the commit no merge changes it. `alone`: for who will change the members' own rows."""
    mode = "NO KEY UPDATE" if alone else "SHARE"
    return _read(
        f"SELECT id, coalesce(merged_into_id, id) FROM cdp_member WHERE id = ANY(%s) ORDER BY id FOR {mode}", members
    )


def _read(sql: str, members: Iterable[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [sorted(set(members))])
        return dict(cursor.fetchall())
