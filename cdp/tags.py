"""Who carries which tag: given in sets, once per member and tag; an expired one that is given again begins anew. Who of two that
are one said it is kept, so that each carries its own when they part.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from cdp.errors import InvalidTag
from cdp.models import Tag
from cdp.models.tag import BRAND, Family

LONGEST = 50
RULE = "rule"  # the origin of what a rule gives, and takes away again


@dataclass(frozen=True)
class Given:
    member: int
    tag: tuple[str, str]  # family, name
    identity: int | None = None  # what named the member; None: the brand says it


def parse(text: str) -> tuple[str, str]:
    """`family:name` -> (family, name), NFKC-normalised. Raises InvalidTag."""
    family, colon, name = (part.strip() for part in unicodedata.normalize("NFKC", text).partition(":"))
    if not colon or family not in Family.values:
        raise InvalidTag(_("write a tag as family:name; families: %(known)s") % {"known": ", ".join(Family.values)})
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise InvalidTag(_("the name of a tag is 1 to %(n)s printable characters") % {"n": LONGEST})
    return family, name


def in_force(as_of: datetime) -> Q:
    """Over rows of MemberTag."""
    return Q(since__lte=as_of) & (Q(expires_at=None) | Q(expires_at__gt=as_of))


@transaction.atomic
def give(given: Sequence[Given], *, source: int | None, origin: str, now: datetime) -> set[int]:
    """Returns who carries what they did not carry before. Tags that are new are made."""
    if not given:
        return set()
    tags = known({each.tag for each in given})
    rows = sorted({(each.member, tags[each.tag], each.identity or BRAND) for each in given})
    said: dict[str, Any] = {name: [row[n] for row in rows] for n, name in enumerate(("members", "tags", "identities"))}
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, said | {"source": source, "now": now, "origin": origin, "brand": BRAND})
        new = {row[0] for row in cursor.fetchall()}
        cursor.execute(_SAY_TOO, said | {"brand": BRAND})
        return new


_GIVEN = """
    (SELECT member, tag, coalesce(array_agg(identity) FILTER (WHERE identity <> %(brand)s), '{}') AS said_by
     FROM unnest(%(members)s::bigint[], %(tags)s::bigint[], %(identities)s::bigint[]) AS g (member, tag, identity)
     GROUP BY member, tag ORDER BY member, tag) given
"""
_GIVE = f"""
    INSERT INTO cdp_membertag AS old (member_id, tag_id, source_id, since, origin, said_by)
    SELECT member, tag, %(source)s, %(now)s, %(origin)s, said_by FROM {_GIVEN}
    ON CONFLICT (member_id, tag_id) DO UPDATE SET since = excluded.since, expires_at = NULL, source_id = excluded.source_id,
           origin = excluded.origin, cause = NULL, said_by = excluded.said_by
    WHERE old.expires_at <= excluded.since OR old.origin = '{RULE}' RETURNING member_id
"""
# Of a member who is two: whoever says what is carried already says it for its own.
_SAY_TOO = f"""
    UPDATE cdp_membertag t SET said_by = ARRAY(
        SELECT unnest(CASE WHEN t.said_by = '{{}}' THEN ARRAY[%(brand)s::bigint] ELSE t.said_by END)
        UNION SELECT unnest(given.said_by))
    FROM {_GIVEN}
    WHERE (t.member_id, t.tag_id) = (given.member, given.tag) AND NOT t.said_by @> given.said_by
      AND EXISTS (SELECT FROM cdp_merge m WHERE m.keep_id = t.member_id AND m.undone_at IS NULL)
"""


def part(keep: int, drop: int, *, went: Sequence[int], named: Sequence[int]) -> None:
    """Give back the rows that went over, and what was said since by an identity of the one who returns (`named`)."""
    values: dict[str, Any] = {"keep": keep, "drop": drop, "went": list(went), "named": list(named), "brand": BRAND}
    with connection.cursor() as cursor:
        for step in _PART:
            cursor.execute(step, values)


_COPY = """
    INSERT INTO cdp_membertag (member_id, tag_id, source_id, since, expires_at, origin, cause, said_by)
    SELECT {to}, t.tag_id, t.source_id, t.since, t.expires_at, t.origin, t.cause, t.said_by FROM cdp_membertag t
    WHERE {which} ORDER BY t.tag_id ON CONFLICT DO NOTHING
"""
_PART = (
    # What the one who returns carried once begins anew.
    """DELETE FROM cdp_membertag own USING cdp_membertag t
       WHERE own.member_id = %(drop)s AND t.member_id = %(keep)s AND t.tag_id = own.tag_id
         AND t.said_by && %(named)s::bigint[] AND own.expires_at <= t.since""",
    # A row that went over goes back as it is: an earlier merge knows it by its number.
    """UPDATE cdp_membertag t SET member_id = %(drop)s
       WHERE t.member_id = %(keep)s
         AND (t.id = ANY(%(went)s::bigint[]) OR t.said_by <> '{}' AND t.said_by <@ %(named)s::bigint[])
         AND NOT EXISTS (SELECT FROM cdp_membertag own WHERE own.member_id = %(drop)s AND own.tag_id = t.tag_id)""",
    # What both said both carry.
    _COPY.format(
        to="%(keep)s",
        which="t.member_id = %(drop)s AND NOT t.said_by <@ (%(named)s::bigint[] || %(brand)s::bigint)",
    ),
    _COPY.format(to="%(drop)s", which="t.member_id = %(keep)s AND t.said_by && %(named)s::bigint[]"),
    # Each row says who of its own said it.
    """DELETE FROM cdp_membertag
       WHERE member_id = %(keep)s AND said_by <> '{}' AND said_by <@ %(named)s::bigint[]""",
    """UPDATE cdp_membertag t
       SET said_by = ARRAY(SELECT s FROM unnest(t.said_by) s
                           WHERE s = %(brand)s OR (s = ANY(%(named)s::bigint[])) = (t.member_id = %(drop)s))
       WHERE t.member_id IN (%(keep)s, %(drop)s) AND said_by <> '{}'""",
)


def project(members: Sequence[int], *, as_of: datetime) -> None:
    """Onto their profiles, as the passes over facts do."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE cdp_profile p SET tags = coalesce(carried.tags, '{}')
               FROM unnest(%(members)s::bigint[]) AS m (id)
               LEFT JOIN LATERAL (
                   SELECT array_agg(tag_id ORDER BY tag_id) AS tags FROM cdp_membertag WHERE member_id = m.id
                       AND since <= %(as_of)s AND (expires_at IS NULL OR expires_at > %(as_of)s)) carried ON true
               WHERE p.member_id = m.id AND p.tags <> coalesce(carried.tags, '{}')""",
            {"members": sorted(set(members)), "as_of": as_of},
        )


def known(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """(family, name) -> its number. Tags that are new are made."""
    wanted = sorted(wanted)
    Tag.objects.bulk_create([Tag(family=family, name=name) for family, name in wanted], ignore_conflicts=True)
    found = Tag.objects.filter(
        family__in={family for family, _name in wanted}, name__in={name for _family, name in wanted}
    )
    return {(tag.family, tag.name): tag.pk for tag in found}
