"""What a member said about being contacted, judged and told of: appended, never edited; the latest word by its instant is in
force, and at the same instant a withdrawal wins. Each channel and purpose is apart: a grant of one never lifts another's
withdrawal. `any` stands for all channels: one may be written to where the channel or `any` is granted and neither is withdrawn.

For somebody below fourteen a guardian consents: without naming the guardian such a grant is refused. A word for a member that was
merged away is a word for the one who stands for it. Of two who become one the stricter word is in force, and a withdrawal while
they were one holds for both when they part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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


_HOLD = "SELECT FROM cdp_consent WHERE member_id = ANY(%s) ORDER BY member_id, channel, purpose FOR NO KEY UPDATE"
_RECORD = """
    INSERT INTO cdp_consentrecord
      (member_id, channel, purpose, state, at, evidence, source, wording, guardian, recorded_at)
    SELECT s.*, %s FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
                               %s::text[], %s::text[])
         AS s (member, channel, purpose, state, at, evidence, source, wording, guardian)
    ORDER BY member, channel, purpose, at
    ON CONFLICT DO NOTHING RETURNING member_id
"""
_IN_FORCE = """
    INSERT INTO cdp_consent (member_id, channel, purpose, state, at)
    SELECT DISTINCT ON (member, channel, purpose) member, channel, purpose, state, at
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS s (member, channel, purpose, state, at)
    ORDER BY member, channel, purpose, at DESC, state DESC
    ON CONFLICT (member_id, channel, purpose) DO UPDATE SET state = excluded.state, at = excluded.at
    WHERE (excluded.at, excluded.state) > (cdp_consent.at, cdp_consent.state)
    RETURNING member_id, purpose
"""


@transaction.atomic
def set_state(said: Sequence[Said], *, now: datetime) -> set[int]:
    """Append what was not said before in the same words at the same instant. Returns whose word is new."""
    standing = roots.hold(row.member for row in said)
    said = [replace(row, member=standing.get(row.member, row.member)) for row in said]
    gone = _erased({row.member for row in said if row.state == State.GRANTED})
    said = [row for row in said if row.state == State.WITHDRAWN or row.member not in gone]
    names = ("member", "channel", "purpose", "state", "at", "evidence", "source", "wording", "guardian")
    columns = [[getattr(row, name) for row in said] for name in names]
    with connection.cursor() as cursor:
        # Who claims messages holds the words of the members: a withdrawal of one channel meets the claim of another's word too.
        cursor.execute(_HOLD, [[row.member for row in said if row.state == State.WITHDRAWN]])
        cursor.execute(_RECORD, [now, *columns])
        new = {row[0] for row in cursor.fetchall()}
        cursor.execute(_IN_FORCE, columns[:5])
        judged = {member for member, purpose in cursor.fetchall() if purpose == Purpose.PROFILING}
    if judged:  # their profiles go, or come back, as every profile changes: by the feed
        tickets = tables.next_ids("cdp_feedrow", len(judged))
        facts = ((ticket, member, now) for ticket, member in zip(tickets, sorted(judged), strict=True))
        batch.dirty("consent", facts, history=True, now=now)
        nudge("cdp.absorb")
    return new


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
        said.append(Said(keep, theirs.channel, theirs.purpose, theirs.state, at, evidence(merge)))
    set_state(said, now=now)


def part(keep: int, drop: int, *, merge: int, since: datetime, now: datetime) -> None:
    """Both have their own latest words again; a withdrawal since `since`, when they became one, is the other's too."""
    withdrawn = [
        Said(drop, channel, purpose, State.WITHDRAWN, at, f"un{evidence(merge)}")
        for channel, purpose, state, at, recorded_at in _own(keep)
        if state == State.WITHDRAWN and recorded_at >= since
    ]
    set_state(withdrawn, now=now)
    with connection.cursor() as cursor:
        cursor.execute(_RECOMPUTE, {"member": keep})
    for other in Merge.objects.filter(keep=keep, undone_at=None).order_by("pk"):
        join(keep, other.drop_id, merge=other.pk, now=now)


def evidence(merge: int) -> str:
    return f"merge:{merge}"


_OWN = """
    SELECT DISTINCT ON (channel, purpose) channel, purpose, state, at, recorded_at FROM cdp_consentrecord
    WHERE member_id = %(member)s AND evidence NOT IN (SELECT 'merge:' || id FROM cdp_merge WHERE keep_id = %(member)s)
    ORDER BY channel, purpose, at DESC, state DESC
"""
_RECOMPUTE = f"""
    WITH own AS ({_OWN}),
    unsaid AS (DELETE FROM cdp_consent c WHERE c.member_id = %(member)s AND NOT EXISTS (
                   SELECT FROM own WHERE (own.channel, own.purpose) = (c.channel, c.purpose)))
    UPDATE cdp_consent c SET state = own.state, at = own.at FROM own
    WHERE c.member_id = %(member)s AND (own.channel, own.purpose) = (c.channel, c.purpose)
"""


def _own(member: int) -> list[tuple[str, str, str, datetime, datetime]]:
    """(channel, purpose, state, at, recorded_at): the latest of each, but for what merges said."""
    with connection.cursor() as cursor:
        cursor.execute(_OWN, {"member": member})
        return cursor.fetchall()
