"""Who carries which tag: given in sets, once per member and tag; an expired one that is given again begins anew."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from cdp.errors import InvalidTag
from cdp.models import Tag
from cdp.models.tag import Family

LONGEST = 50
RULE = "rule"  # the origin of what a rule gives, and takes away again


@dataclass(frozen=True)
class Given:
    member: int
    tag: tuple[str, str]  # family, name


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
    rows = sorted({(each.member, tags[each.tag]) for each in given})
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_membertag AS old (member_id, tag_id, source_id, since, origin)
               SELECT member, tag, %s, %s, %s FROM unnest(%s::bigint[], %s::bigint[]) AS g (member, tag)
               ON CONFLICT (member_id, tag_id) DO UPDATE SET since = excluded.since, expires_at = NULL,
                      source_id = excluded.source_id, origin = excluded.origin, cause = NULL
               WHERE old.expires_at <= excluded.since OR old.origin = %s RETURNING member_id""",
            [source, now, origin, [member for member, _tag in rows], [tag for _member, tag in rows], RULE],
        )
        return {row[0] for row in cursor.fetchall()}


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
