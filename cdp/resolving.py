"""Whose a row is, also when two batches name a new person, or the same two members, at the same moment.

A batch plans with what it sees, claims the identities that are nobody's yet, locks, and looks again. If the world is as it was
seen, the plan holds: nobody can change it any more until the batch commits. Otherwise the locks are given back and it plans anew,
with what others have claimed meanwhile. Everybody locks in one order, so that batches and merges wait and never deadlock: new
identities by key, the buckets of parked events, known identities by id (FOR KEY SHARE: batches share them, a merge wants them
alone), members that get an identity by id, at last the identities whose users are counted by id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from cdp import identity, persons
from cdp.identity import Key
from cdp.models import Source
from cdp.persons import Held, Knowledge, Meeting, Person, Plan
from cdp.rules import Rules
from config.ground import alarms, blinds


@dataclass
class Resolved:
    """Per row its member and the identity that decided (both None: nobody's); and what else came of the batch."""

    members: list[int | None]
    identities: list[int | None]
    rules: Rules
    fresh: set[int] = field(default_factory=set)  # members that were made
    news: set[int] = field(default_factory=set)  # members that got an identity
    new: set[Key] = field(default_factory=set)  # identities that were nobody's before
    weak: set[int] = field(default_factory=set)  # rows without any strong identity
    meetings: list[Meeting] = field(default_factory=list)
    ids: dict[Key, int] = field(default_factory=dict)  # of the batch's identities
    spent: set[Key] = field(default_factory=set)  # identities that more members share than their cap allows
    turned: set[int] = field(default_factory=set)  # those that turned weak in this batch
    told: dict[Key, int] = field(default_factory=dict)  # identities for which events may have waited -> their member

    @property
    def bystanders(self) -> set[int]:
        """Members that were made although no row is theirs."""
        return self.fresh - {member for member in self.members if member is not None}


def resolve(
    rows: Sequence[Sequence[Key]], *, source: Source | None = None, change: bool = False, now: datetime
) -> Resolved:
    """The member of each row; a row without any identity, or with weak ones that name nobody, has none. Nobody is joined here.
    `change`: the caller changes the members too, so all of them are locked for that. Call it in a transaction.
    """
    return _Resolving(rows, source, change, now).run()


class _Resolving:
    def __init__(self, rows: Sequence[Sequence[Key]], source: Source | None, change: bool, now: datetime) -> None:
        self.rows, self.source, self.change, self.now = rows, source, change, now
        self.keys = {key for row in rows for key in row}
        self.rules = Rules(source)
        self.ours: dict[Key, int] = {}  # identities that this batch has claimed
        self.claimed: dict[Key, int] = {}  # ... and for whom
        self.spare: list[int] = []  # ids set aside for new members
        self.ids: dict[Person, int] = {}

    def run(self) -> Resolved:
        while True:
            known = self._look()
            plan = persons.plan(self.rows, known, self.rules)
            if not self._claim(plan):
                continue
            with transaction.atomic():
                if self._stands(known, plan):
                    break
                transaction.set_rollback(True)  # gives the locks back
        return self._write(known, plan)

    def _look(self) -> Knowledge:
        """What identities name that others have; and what members hold, and who used what, where a row is not simple."""
        keys = identity.known(self.keys - self.ours.keys())
        curious, used = set(), set()
        for row in self.rows:
            named = {keys[key].member for key in row if key in keys}
            whole = all(key in keys for key in row)
            if len(named) > 1 or (named and not whole):
                curious |= named
            if len(named) > 1 or any(self.rules.ever_weak(key.kind) for key in row):
                used |= {keys[key].id for key in row if key in keys}
        return Knowledge(keys, held_by(curious, but=self.ours.values()), used_by(used))

    def _stands(self, known: Knowledge, plan: Plan) -> bool:
        """Lock what the plan rests on. False: it is not as it was seen any more."""
        self._meet_parked(plan)
        if not identity.hold(known.keys.values()):
            return False
        nobodys = self.keys - known.keys.keys() - self.ours.keys()  # weak ones that no row here gives to anybody
        if nobodys and identity.known(nobodys):
            return False
        _lock({found.member for found in known.keys.values()} if self.change else plan.growing)
        return known == Knowledge(known.keys, held_by(known.held, but=self.ours.values()), used_by(known.used_by))

    def _claim(self, plan: Plan) -> bool:
        """Take the unknown identities for whom the plan says; True when none of them was somebody's meanwhile."""
        self._number(plan)
        wanted = {key: self.ids[person] for key, person in plan.new.items() if key not in self.ours}
        taken = identity.claim(wanted, source=self.source, now=self.now) if wanted else {}
        self.ours |= taken
        self.claimed |= {key: wanted[key] for key in taken}
        return len(taken) == len(wanted)

    def _number(self, plan: Plan) -> None:
        """An id for everybody; those set aside by a plan that did not hold are used again."""
        self.ids = {}
        fresh = list(dict.fromkeys(person for person in plan.new.values() if person.member is None))
        if (lacking := len(fresh) - len(self.spare)) > 0:
            self.spare += _set_aside(lacking)
        self.ids = dict(zip(fresh, self.spare, strict=False))
        everybody = [*plan.new.values(), *(person for person in plan.homes if person)]
        everybody += [person for meeting in plan.meetings for person in (meeting.home, meeting.other)]
        self.ids |= {person: person.member for person in everybody if person.member is not None}

    def _meet_parked(self, plan: Plan) -> None:
        alone = {key for n in plan.weak for key in self.rows[n]}
        _meet({key for key in self.keys if self.rules.ever_weak(key.kind)}, alone)

    def _write(self, known: Knowledge, plan: Plan) -> Resolved:
        owner = {key: self.ids[person] for key, person in plan.new.items()}
        self._hand_over({self.ours[key]: to for key, to in owner.items() if self.claimed[key] != to})
        _drop([id for key, id in self.ours.items() if key not in owner])
        fresh = {self.ids[person] for person in self.ids if person.member is None}
        _make(sorted(fresh), now=self.now)
        ids = {key: found.id for key, found in known.keys.items()} | {key: self.ours[key] for key in owner}
        _note({ids[key]: ids[by] for key, by in plan.brought.items()})
        self._tell(known, plan)
        turned = self._count({(key, self.ids[person]) for key, person in plan.uses}, ids)
        spent = {key for key, found in known.keys.items() if found.weak} | {key for key in ids if ids[key] in turned}
        owner |= {key: found.member for key, found in known.keys.items()}
        shared = {key for key, _person in plan.uses} | {
            key for key, found in known.keys.items() if known.used_by.get(found.id)
        }
        told = {key for key in owner if self.rules.ever_weak(key.kind) and key not in shared | spent}
        for meeting in plan.meetings:
            meeting.home.member, meeting.other.member = self.ids[meeting.home], self.ids[meeting.other]
        return Resolved(
            [self.ids[person] if person else None for person in plan.homes],
            [ids[key] if key else None for key in plan.by],
            self.rules,
            fresh=fresh,
            news={self.ids[person] for person in plan.new.values()},
            new=set(plan.new),
            weak=plan.weak,
            meetings=plan.meetings,
            ids=ids,
            spent=spent,
            turned=turned,
            told={key: owner[key] for key in told},
        )

    def _hand_over(self, moved: dict[int, int]) -> None:
        """Identities of ours that a plan which did not hold had given to somebody else."""
        if not moved:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE cdp_identity i SET member_id = m.member
                   FROM unnest(%s::bigint[], %s::bigint[]) AS m (id, member) WHERE i.id = m.id""",
                [list(moved), list(moved.values())],
            )

    def _tell(self, known: Knowledge, plan: Plan) -> None:
        """Our source names the strong identities of whom its rows are about; of somebody else it told nothing. An untrusted one
        tells of nobody whom another told of.
        """
        if self.source is None or self.rules.untrusted:
            return
        told = {
            found.id
            for n, home in enumerate(plan.homes)
            if home and n not in plan.weak
            for key in self.rows[n]
            if (found := known.keys.get(key)) and found.member == self.ids[home] and found.source != self.source.pk
            if not (found.weak or self.rules.of(key.kind).weak)
        }
        if told:
            with connection.cursor() as cursor:
                cursor.execute(
                    """INSERT INTO cdp_telling (identity_id, source_id)
                       SELECT t.id, %(us)s FROM unnest(%(told)s::bigint[]) AS t (id)
                       WHERE NOT EXISTS (SELECT FROM cdp_telling k WHERE k.identity_id = t.id AND k.source_id = %(us)s)
                       ORDER BY t.id ON CONFLICT DO NOTHING""",
                    {"us": self.source.pk, "told": sorted(told)},
                )

    def _count(self, uses: Collection[tuple[Key, int]], ids: dict[Key, int]) -> set[int]:
        """Note who named themselves with somebody else's identity. Returns what exceeds its cap: it turns weak, with an alarm."""
        if not uses:
            return set()
        caps = {ids[key]: self.rules.of(key.kind).cap for key, _member in uses}
        rows = sorted((ids[key], member) for key, member in uses)
        with connection.cursor() as cursor:
            cursor.execute(  # so that of two who reach the cap at once, one sees both
                "SELECT 1 FROM cdp_identity WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(caps)]
            )
            cursor.execute(
                """INSERT INTO cdp_identityuse (identity_id, member_id)
                   SELECT u.identity, u.member FROM unnest(%s::bigint[], %s::bigint[]) AS u (identity, member)
                   JOIN cdp_identity i ON i.id = u.identity AND i.weak_since IS NULL
                   ON CONFLICT DO NOTHING""",
                [[identity for identity, _member in rows], [member for _identity, member in rows]],
            )
            cursor.execute(_TURN, [self.now, list(caps), list(caps.values())])
            turned = cursor.fetchall()
        for id, kind, member, members, cap in turned:
            alarms.ring(
                f"identity:{id}",
                gettext_noop(
                    "%(kind)s of member %(member)s: %(members)s members named themselves with it, %(cap)s may;"
                    " it names nobody now"
                ),
                now=self.now,
                kind=kind,
                member=member,
                members=members,
                cap=cap,
            )
        return {row[0] for row in turned}


_TURN = """
    UPDATE cdp_identity i SET weak_since = %s
    FROM (SELECT i.id, c.cap, count(*) + 1 AS members
          FROM unnest(%s::bigint[], %s::int[]) AS c (id, cap)
          JOIN cdp_identity i ON i.id = c.id
          JOIN cdp_identityuse u ON u.identity_id = i.id AND u.member_id <> i.member_id
          GROUP BY i.id, c.cap) used
    WHERE i.id = used.id AND i.weak_since IS NULL AND used.members > used.cap
    RETURNING i.id, i.kind, i.member_id, used.members, used.cap
"""


def held_by(members: Iterable[int], *, but: Iterable[int] = (), only: Iterable[int] | None = None) -> Held:
    """What members hold: all their identities but some, or only some."""
    wanted, held = list(members), Held()
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT i.member_id, i.kind, i.app, i.source_id,
                          ARRAY(SELECT t.source_id FROM cdp_telling t WHERE t.identity_id = i.id)
                   FROM cdp_identity i
                   WHERE i.member_id = ANY(%s) AND i.id <> ALL(%s::bigint[])
                     AND (%s::bigint[] IS NULL OR i.id = ANY(%s))
                   ORDER BY i.id""",
                [wanted, list(but), *[None if only is None else list(only)] * 2],
            )
            for member, kind, app, source, others in cursor.fetchall():
                held.setdefault(member, []).append((kind, app, frozenset([source, *others])))
    return held


def told_by_others(members: Iterable[int], source: Source | None) -> set[int]:
    """Those of whom somebody else told any identity."""
    ours = source.pk if source else None
    return {member for member, slots in held_by(members).items() if any(told - {ours} for _kind, _app, told in slots)}


def used_by(identities: Iterable[int]) -> dict[int, set[int]]:
    """Identity -> the members other than its own that named themselves with it."""
    used: dict[int, set[int]] = {identity: set() for identity in identities}
    if used:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT u.identity_id, u.member_id FROM cdp_identityuse u
                   JOIN cdp_identity i ON i.id = u.identity_id AND i.weak_since IS NULL AND i.member_id <> u.member_id
                   WHERE u.identity_id = ANY(%s)""",
                [list(used)],
            )
            for identity, member in cursor.fetchall():
                used[identity].add(member)
    return used


def _meet(waited_for: Collection[Key], alone: Collection[Key]) -> None:
    """Events that wait for a member, and who brings the member, meet at an advisory lock per bucket of identities: who brings
    passes together with others who bring, who waits alone; so neither can miss the other.
    """
    if waited_for or alone:
        version = blinds.versions().written  # the same for all until our transaction ends
        buckets = {key.blind(version)[0]: False for key in waited_for}
        buckets |= {key.blind(version)[0]: True for key in alone}
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtext('cdp.parked'), bucket)
                               ELSE pg_advisory_xact_lock_shared(hashtext('cdp.parked'), bucket) END
                   FROM (SELECT * FROM unnest(%s::int[], %s::bool[]) AS b (bucket, alone) ORDER BY bucket) b""",
                [list(buckets), list(buckets.values())],
            )


def _lock(members: Collection[int]) -> None:
    if members:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM cdp_member WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(members)])


def _set_aside(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('cdp_member', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in cursor.fetchall()]


def _drop(identities: list[int]) -> None:
    """Claimed by a plan that did not hold, and wanted by none."""
    if identities:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM cdp_identity WHERE id = ANY(%s)", [identities])


def _note(brought: dict[int, int]) -> None:
    """Which identity brought each that a member got."""
    if brought:
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE cdp_identity i SET brought_by_id = b.by
                   FROM unnest(%s::bigint[], %s::bigint[]) AS b (id, by) WHERE i.id = b.id""",
                [list(brought), list(brought.values())],
            )


def _make(members: list[int], *, now: datetime) -> None:
    if members:
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO cdp_member (id, attributes, synthetic, created_at)
                   SELECT id, '{}', false, %s FROM unnest(%s::bigint[]) AS id""",
                [now, members],
            )
