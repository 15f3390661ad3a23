"""Tags that somebody gives a member, or takes away: by hand or over the API. What a rule gave becomes theirs when they give it;
what they take away, a rule may give again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import feed, roots, tags, third_parties
from cdp.errors import Erased, Fault, Undescribed
from cdp.ingest import tables
from cdp.models import Member, MemberTag, Source
from config.ground import audit, instants
from config.ground.nudge import nudge

MOST = 200  # tags that a call gives or takes
_GIVE = """
    INSERT INTO cdp_membertag AS old (member_id, tag_id, source_id, since, expires_at, origin)
    SELECT %(member)s, tag, %(source)s, %(now)s, until, %(origin)s
    FROM unnest(%(tags)s::bigint[], %(until)s::timestamptz[]) AS g (tag, until) ORDER BY tag
    ON CONFLICT (member_id, tag_id) DO UPDATE SET
        since = CASE WHEN old.expires_at <= excluded.since THEN excluded.since ELSE old.since END,
        expires_at = excluded.expires_at, source_id = excluded.source_id, origin = excluded.origin, cause = NULL
    WHERE old.expires_at IS DISTINCT FROM excluded.expires_at OR old.origin = %(rule)s
    RETURNING tag_id
"""


class Until:
    """What is said of a tag: carried for good, or until an instant; None takes it away."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at


Said = Mapping[tuple[str, str], Until | None]


def fault(said: Said, *, now: datetime) -> Fault | None:
    """The first thing that is wrong with what is said."""
    for (family, name), until in said.items():
        if until and until.at:
            path = f"tags.{family}:{name}.expires_at"
            if wrong := instants.fault(until.at, now=None):
                return Fault(path, *wrong)
            if until.at <= now:
                return Fault(path, "out_of_range", _("a tag ends in the future"))
    return None


@transaction.atomic
def say(member: int, said: Said, *, actor: str, source: str, now: datetime) -> bool:
    """False: the member carried them so already, and nothing is told. Raises Undescribed, Erased."""
    member, by = roots.hold([member], alone=True).get(member, member), Source.objects.filter(code=source).first()
    if Member.objects.filter(pk=member, erased_at__isnull=False).exists():
        raise Erased
    if refusal := third_parties.refusal(member, by):
        raise Undescribed(Fault("tags", refusal.code, refusal.message))
    given = {tag: until for tag, until in said.items() if until}
    removed = [tag for tag, until in said.items() if not until]
    if not _give(member, given, by, actor, now) + _take(member, removed):
        return False
    audit.note(
        actor,
        "member.tagged",
        f"member:{member}",
        now=now,
        source=source,
        set=sorted(map(":".join, given)),
        removed=sorted(map(":".join, removed)),
    )
    [ref] = tables.next_ids("cdp_feedrow", 1)
    feed.tell(feed.PROFILE, [feed.Heard("member", ref, member, now)])
    nudge("cdp.absorb")
    return True


def _give(member: int, given: Mapping[tuple[str, str], Until], source: Source | None, actor: str, now: datetime) -> int:
    numbers = tags.known(given)
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE,
            {
                "member": member,
                "source": source.pk if source else None,
                "now": now,
                "origin": actor[:120],
                "tags": [numbers[tag] for tag in given],
                "until": [until.at for until in given.values()],
                "rule": tags.RULE,
            },
        )
        return int(cursor.rowcount)


def _take(member: int, removed: list[tuple[str, str]]) -> int:
    gone = 0
    for family, name in removed:
        gone += MemberTag.objects.filter(member=member, tag__family=family, tag__name=name).delete()[0]
    return gone
