"""What a member said about being contacted, judged and told of: appended, never edited; the latest word by its instant is in
force, and at the same instant a withdrawal wins. Each channel and purpose is apart: a grant of one never lifts another's
withdrawal. `any` stands for all channels: one may be written to where the channel or `any` is granted and neither is withdrawn.

For somebody below fourteen a guardian consents: without naming the guardian such a grant is refused. A word for a member that was
merged away is a word for the one who stands for it. Of two who become one the stricter word is in force. When they part each has
the words that came by an identity of its own; a withdrawal while they were one holds for both, and a grant that came by none,
since nobody can tell whose it was, for neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import roots
from cdp.errors import Fault, WordRefused
from cdp.ingest import batch, tables
from cdp.models import Consent, Member, Merge, Source
from cdp.models.consent import WITHOUT_CHANNEL, Channel, Purpose, State
from config.ground import audit, clock
from config.ground.nudge import nudge

OF_AGE = 14  # years


@dataclass(frozen=True)
class Said:
    member: int
    channel: str  # a Channel
    purpose: str  # a Purpose
    state: str  # "granted" | "withdrawn"
    at: datetime
    evidence: str
    source: str = ""  # who told us: a source's code, "reply", "admin"
    wording: str = ""  # the version of the words that were shown
    guardian: str = ""  # who consented for a child
    identity: int | None = None  # what named the member; None: the member's number
    merge: int | None = None  # the merge that says it, since the other said so


_NAMES = tuple(field.name for field in fields(Said))
_HOLD = "SELECT FROM cdp_consent WHERE member_id = ANY(%s) ORDER BY member_id, channel, purpose FOR NO KEY UPDATE"
_RECORD = """
    INSERT INTO cdp_consentrecord
      (member_id, channel, purpose, state, at, evidence, source, wording, guardian, identity_id, merge_id, during_id, recorded_at)
    SELECT s.*, (SELECT max(m.id) FROM cdp_merge m WHERE m.keep_id = s.member AND m.undone_at IS NULL), %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
                %s::text[], %s::bigint[], %s::bigint[])
         AS s (member, channel, purpose, state, at, evidence, source, wording, guardian, identity, merge)
    WHERE NOT EXISTS (
        SELECT FROM (SELECT s.member AS id UNION ALL SELECT id FROM cdp_member WHERE merged_into_id = s.member) one
        JOIN cdp_consentrecord r ON r.member_id = one.id
        WHERE (r.channel, r.purpose, r.at, r.state) = (s.channel, s.purpose, s.at, s.state)
          AND (one.id = s.member OR s.identity IS NOT NULL)
          AND r.identity_id IS NOT DISTINCT FROM s.identity AND r.merge_id IS NOT DISTINCT FROM s.merge)
    ORDER BY member, channel, purpose, at
    ON CONFLICT DO NOTHING RETURNING member_id, channel, purpose, state, at, identity_id
"""
_IN_FORCE = """
    INSERT INTO cdp_consent (member_id, channel, purpose, state, at, merge_id)
    SELECT DISTINCT ON (member, channel, purpose) member, channel, purpose, state, at, merge
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
         AS s (member, channel, purpose, state, at, merge)
    ORDER BY member, channel, purpose, at DESC, state DESC, merge NULLS FIRST
    ON CONFLICT (member_id, channel, purpose) DO UPDATE
    SET state = excluded.state, at = excluded.at, merge_id = excluded.merge_id
    WHERE (excluded.at, excluded.state, excluded.merge_id IS NULL)
          > (cdp_consent.at, cdp_consent.state, cdp_consent.merge_id IS NULL)
    RETURNING member_id, purpose
"""


@transaction.atomic
def set_state(said: Sequence[Said], *, now: datetime) -> set[int]:
    """Append what was not said before in the same words at the same instant. Returns whose word is new."""
    standing = roots.hold(row.member for row in said)
    said = [replace(row, member=standing.get(row.member, row.member)) for row in said]
    gone = _erased({row.member for row in said if row.state == State.GRANTED})
    said = [row for row in said if row.state == State.WITHDRAWN or row.member not in gone]
    with connection.cursor() as cursor:
        # Who claims messages holds the words of the members: a withdrawal of one channel meets the claim of another's word too.
        cursor.execute(_HOLD, [[row.member for row in said if row.state == State.WITHDRAWN]])
    new = _record(said, now=now)
    went = _of_those_who_went(new)
    _record(went, now=now)
    changed = _enforce(
        [*new, *went, *(row for row in said if row.merge)]
    )  # what a merge says may have been said and undone
    meant = {row.member for row in said}
    judged = {member for member, purpose in changed if purpose == Purpose.PROFILING and member in meant}
    if judged:  # their profiles go, or come back, as every profile changes: by the feed
        tickets = tables.next_ids("cdp_feedrow", len(judged))
        facts = ((ticket, member, now) for ticket, member in zip(tickets, sorted(judged), strict=True))
        batch.dirty("consent", facts, history=True, now=now)
        nudge("cdp.absorb")
    return {row.member for row in new}


def _record(said: Sequence[Said], *, now: datetime) -> list[Said]:
    """Those that were not said before."""
    columns = [[getattr(row, name) for row in said] for name in _NAMES]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [now, *columns])
        new = set(cursor.fetchall())
    return [row for row in said if (row.member, row.channel, row.purpose, row.state, row.at, row.identity) in new]


def _enforce(said: Sequence[Said]) -> list[tuple[int, str]]:
    """(member, purpose) of which another word is in force now."""
    columns = [
        [getattr(row, name) for row in said] for name in ("member", "channel", "purpose", "state", "at", "merge")
    ]
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, columns)
        return cursor.fetchall()


def _of_those_who_went(said: Sequence[Said]) -> list[Said]:
    """A withdrawal holds for everybody who is one with the member, whoever they turn out to be when they part."""
    withdrawn = [row for row in said if row.state == State.WITHDRAWN and row.merge is None]
    went: dict[int, list[int]] = {}
    for member, stands in roots.went({row.member for row in withdrawn}).items():
        went.setdefault(stands, []).append(member)
    return [replace(row, member=member) for row in withdrawn for member in went.get(row.member, ())]


def _erased(members: Collection[int]) -> set[int]:
    """Nobody grants for whoever was erased. They are held, so none of the others is meanwhile."""
    return set(Member.objects.filter(pk__in=members, erased_at__isnull=False).values_list("pk", flat=True))


@transaction.atomic
def record(word: Said, *, actor: str, now: datetime) -> bool:
    """A word that somebody was told, in so many words of theirs. False: it was recorded before. Raises WordRefused: a child's
    grant without a guardian.
    """
    if lacking := refusal(word):
        raise WordRefused(lacking.message)
    if not set_state([word], now=now):
        return False
    said = {"channel": str(word.channel), "purpose": str(word.purpose), "state": str(word.state)}
    audit.note(actor, "consent.recorded", f"member:{word.member}", now=now, **said)
    return True


_ALONE = """
    SELECT c.member_id, c.channel, c.purpose, c.at FROM cdp_consent c
    WHERE c.member_id = ANY(%s) AND c.state = 'granted' AND NOT EXISTS (
        SELECT FROM cdp_consentrecord r
        WHERE (r.member_id, r.channel, r.purpose, r.state, r.at) = (c.member_id, c.channel, c.purpose, c.state, c.at)
          AND r.guardian <> '')
    ORDER BY 1, 2, 3
"""


def suspend_children(members: Collection[int], *, source: str, now: datetime) -> set[int]:
    """Whose birthday is known now: what a child granted without a guardian is withdrawn. Returns whose words those were."""
    born, tz = birthdays(members), clock.zone()
    if not born:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, [list(born)])
        alone = [row for row in cursor.fetchall() if minor(born[row[0]], row[3], tz)]
    # At the grant's own instant if need be: there a withdrawal wins.
    return set_state(
        [
            Said(m, channel, purpose, State.WITHDRAWN, max(at, now), "no guardian", source)
            for m, channel, purpose, at in alone
        ],
        now=now,
    )


def unknown(channel: str, purpose: str) -> Fault | None:
    """What is not in the closed list, with what is."""
    if purpose not in Purpose.values:
        known = ", ".join(Purpose.values)
        return Fault("purpose", "unknown_purpose", _("there is no such purpose; known: %(known)s") % {"known": known})
    channels = [Channel.ANY.value] if purpose in WITHOUT_CHANNEL else Channel.values
    if channel not in channels:
        said = _("for %(purpose)s the channel is one of: %(known)s")
        return Fault("channel", "unknown_channel", said % {"purpose": purpose, "known": ", ".join(channels)})
    return None


def minor(birthday: date, at: datetime, tz: ZoneInfo) -> bool:
    day = clock.local_day(at, tz)
    return (day.year, day.month, day.day) < (birthday.year + OF_AGE, birthday.month, birthday.day)


def lacks_guardian(state: str, guardian: str, at: datetime, birthday: date | None, tz: ZoneInfo) -> Fault | None:
    """A child's grant without a guardian. A withdrawal needs nobody."""
    if state != State.GRANTED or guardian or birthday is None or not minor(birthday, at, tz):
        return None
    return Fault("guardian", "minor", _("below %(age)d years a guardian consents; name the guardian") % {"age": OF_AGE})


def only_trusted() -> str:
    return _("this member is below %(age)d as far as we know; only a trusted source corrects that") % {"age": OF_AGE}


def keeps_young(member: int, said: Mapping[str, Any], source: Source | None, *, now: datetime) -> Fault | None:
    """Who is a child as far as we know is made older, or of unknown age, by a trusted source only."""
    if "birthday" not in said or (source and source.trust == Source.Trust.TRUSTED):
        return None
    tz, before, told = clock.zone(), birthdays([member]).get(member), a_day(said["birthday"])
    if before is None or not minor(before, now, tz) or (told and minor(told, now, tz)):
        return None
    return Fault("attributes.birthday", "minor", only_trusted())


def refusal(word: Said) -> Fault | None:
    """Why a word about a member cannot be taken."""
    born = birthdays([word.member]).get(word.member)
    return lacks_guardian(word.state, word.guardian, word.at, born, clock.zone())


def birthdays(members: Collection[int]) -> dict[int, date]:
    """Of those who have one that is a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, attributes ->> 'birthday' FROM cdp_member WHERE id = ANY(%s) AND attributes ? 'birthday'",
            [list(members)],
        )
        return {member: day for member, text in cursor.fetchall() if (day := a_day(text))}


def a_day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def refusing_profiling(members: Collection[int]) -> set[int]:
    """Who of these refuses to be judged by what is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT member_id FROM cdp_consent
               WHERE member_id = ANY(%s) AND purpose = 'profiling' AND state = 'withdrawn'""",
            [list(members)],
        )
        return {row[0] for row in cursor.fetchall()}


def join(keep: int, drop: int, *, merge: int, now: datetime) -> None:
    """The winner's words become the stricter of both. The other's stay as they are, for the day they part."""
    ours = {(c.channel, c.purpose): c for c in Consent.objects.filter(member=keep)}
    said = []
    for theirs in Consent.objects.filter(member=drop).order_by("channel", "purpose"):
        own = ours.get((theirs.channel, theirs.purpose))
        if own and own.state in (State.WITHDRAWN, theirs.state):
            continue
        at = theirs.at if own is None or theirs.at >= own.at else max(own.at, now)
        said.append(Said(keep, theirs.channel, theirs.purpose, theirs.state, at, f"merge:{merge}", merge=merge))
    set_state(said, now=now)


def part(keep: int, drop: int, *, named: Sequence[int], now: datetime) -> None:
    """Each has the words that came by an identity of its own; `named` are those of the one who returns."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"keep": keep, "drop": drop, "named": list(named)})
    for member in (keep, drop):
        with connection.cursor() as cursor:
            cursor.execute(_RECOMPUTE, {"member": member})
        for other in Merge.objects.filter(keep=member, undone_at=None).order_by("pk"):
            join(member, other.drop_id, merge=other.pk, now=now)


_GIVE_BACK = """
    INSERT INTO cdp_consentrecord
      (member_id, channel, purpose, state, at, evidence, source, wording, guardian, identity_id, during_id, recorded_at)
    SELECT %(drop)s, channel, purpose, state, at, evidence, source, wording, guardian, identity_id,
           (SELECT max(m.id) FROM cdp_merge m WHERE m.keep_id = %(drop)s AND m.undone_at IS NULL), recorded_at
    FROM cdp_consentrecord
    WHERE member_id = %(keep)s AND merge_id IS NULL AND identity_id = ANY(%(named)s::bigint[])
    ORDER BY id ON CONFLICT DO NOTHING
"""
# The latest of each; not what merges said, nor a grant by an identity of somebody else, nor one by none while two were one.
_OWN = """
    SELECT DISTINCT ON (channel, purpose) channel, purpose, state, at FROM cdp_consentrecord r
    WHERE r.member_id = %(member)s AND r.merge_id IS NULL AND (r.state = 'withdrawn' OR CASE
        WHEN r.identity_id IS NULL
        THEN NOT EXISTS (SELECT FROM cdp_merge m WHERE m.id = r.during_id AND m.undone_at IS NOT NULL)
        ELSE EXISTS (SELECT FROM cdp_identity i WHERE i.id = r.identity_id AND i.member_id = r.member_id) END)
    ORDER BY channel, purpose, at DESC, state DESC
"""
_RECOMPUTE = f"""
    WITH own AS ({_OWN}),
    unsaid AS (DELETE FROM cdp_consent c WHERE c.member_id = %(member)s AND NOT EXISTS (
                   SELECT FROM own WHERE (own.channel, own.purpose) = (c.channel, c.purpose)))
    INSERT INTO cdp_consent (member_id, channel, purpose, state, at) SELECT %(member)s, channel, purpose, state, at FROM own
    ON CONFLICT (member_id, channel, purpose) DO UPDATE SET state = excluded.state, at = excluded.at, merge_id = NULL
"""
