"""Who the rows of a batch are about: a plan made of what is known, without a look at the database.

Rows that share a strong identity are about one person, unless that would give a person two values of a kind of which a source
gives one, or unless the source may add nothing to members of others. What is weak makes nobody and joins nobody. Two members
that a row names together meet; here nobody joins them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cdp.identity import Key, Known, strength
from cdp.rules import Rules

Slot = tuple[str, str]  # kind, app
Held = dict[int, list[tuple[str, str, frozenset[int | None]]]]  # member -> kind, app and who told of it, of all it has


@dataclass(frozen=True)
class Knowledge:
    keys: dict[Key, Known]
    held: Held  # of the members that a row would let grow or meet
    used_by: dict[
        int, set[int]
    ]  # identity -> members other than its own that named themselves with it, where it matters


@dataclass(eq=False)
class Person:
    member: int | None  # None: to be made
    held: dict[Slot, set[int | None]] = field(default_factory=dict)  # who told of the values
    into: Person | None = None  # found to be this one

    def top(self) -> Person:
        person = self
        while person.into:
            if person.into.into:
                person.into = person.into.into
            person = person.into
        return person

    def hold(self, slot: Slot, told_by: Iterable[int | None]) -> None:
        self.held.setdefault(slot, set()).update(told_by)


@dataclass(frozen=True)
class Meeting:
    """A row was about `home`, and these of its identities name somebody else."""

    home: Person
    other: Person
    by: tuple[Key, ...]  # what names home, strongest first
    met: tuple[Key, ...]  # what names the other, strongest first


@dataclass
class Plan:
    homes: list[Person | None]  # whose each row is
    by: list[Key | None]  # which of its identities said so
    new: dict[Key, Person] = field(default_factory=dict)  # whom each unknown identity shall name
    brought: dict[Key, Key] = field(
        default_factory=dict
    )  # which of its row brings each of those to a member that is there
    meetings: list[Meeting] = field(default_factory=list)
    uses: dict[tuple[Key, Person], None] = field(default_factory=dict)  # named together with somebody else's identity
    weak: set[int] = field(default_factory=set)  # rows without any strong identity

    @property
    def growing(self) -> set[int]:
        """Existing members that get an identity."""
        return {person.member for person in self.new.values() if person.member is not None}


def contradict(a: Mapping[Slot, set[int | None]], b: Mapping[Slot, set[int | None]], rules: Rules) -> list[Slot]:
    """Where two persons hold different values of a kind of which one source gives a person one. An identity names one member,
    so what two hold differs; a value of unknown source counts as told by the other's.
    """
    return [
        slot
        for slot in a
        if slot in b
        and any(
            rules.single(slot[0], source)
            for source in (a[slot] | b[slot] if None in a[slot] | b[slot] else a[slot] & b[slot])
        )
    ]


def plan(rows: Sequence[Sequence[Key]], known: Knowledge, rules: Rules) -> Plan:
    return _Planner(rows, known, rules).plan()


class _Planner:
    def __init__(self, rows: Sequence[Sequence[Key]], known: Knowledge, rules: Rules) -> None:
        self.rows, self.known, self.rules, self.ours = rows, known, rules, rules.source
        self.members: dict[int, Person] = {}
        self.named: dict[Key, Person] = {}

    def plan(self) -> Plan:
        made = Plan([None] * len(self.rows), [None] * len(self.rows))
        for n, row in enumerate(self.rows):
            if key := self._simple(row):
                made.by[n], made.homes[n] = key, self._member(self.known.keys[key].member)
        others = {
            n: sorted(dict.fromkeys(row), key=strength) for n, row in enumerate(self.rows) if row and not made.by[n]
        }
        strong = {n: [key for key in row if not self._weak(key)] for n, row in others.items()}
        asides = {n: self._together(keys) for n, keys in strong.items()}
        for n, keys in strong.items():
            if keys:
                made.by[n] = keys[0]
                made.homes[n] = self._of(keys[0])
                self._meet(made, keys, asides[n])
                self._take_along(made, keys, [key for key in others[n] if self._weak(key)])
            else:
                made.weak.add(n)
        shared = {key for key, _person in made.uses}
        for n in made.weak:
            made.by[n] = next((key for key in others[n] if key not in shared and self._names_one(key)), None)
            made.homes[n] = self._of(key) if (key := made.by[n]) else None
        made.new = {key: person.top() for key, person in self.named.items() if key not in self.known.keys}
        made.brought = self._brought(made)
        return made

    def _simple(self, row: Sequence[Key]) -> Key | None:
        """The strongest identity of a row that names one member by nothing but strong ones: most rows of most batches."""
        member = None
        for key in row:
            found = self.known.keys.get(key)
            if found is None or found.weak or self.rules.of(key.kind).weak or found.member != (member or found.member):
                return None
            member = found.member
        if member in self.known.held:  # another row makes it grow or meet: we tell of these now
            for key in row:
                self._of(key)
        return min(row, key=strength) if row else None

    def _together(self, keys: Sequence[Key]) -> list[Person]:
        """The keys of a row become one person; returns those that they cannot be one with."""
        if not keys:
            return []
        aside: list[Person] = []
        home = self._of(keys[0])
        for key in keys[1:]:
            if not any(self._unite(person, self._of(key)) for person in [home, *aside]):
                aside.append(self._of(key))
        return aside

    def _meet(self, made: Plan, keys: Sequence[Key], aside: Sequence[Person]) -> None:
        home = self._of(keys[0])
        by = tuple(key for key in keys if self._of(key) is home)
        for other in dict.fromkeys(person.top() for person in aside):
            if other is not home:
                made.meetings.append(Meeting(home, other, by, tuple(key for key in keys if self._of(key) is other)))
        for key in keys:
            if self._of(key) is not home and self.rules.of(key.kind).cap is not None:
                self._use(made, key, home)

    def _take_along(self, made: Plan, keys: Sequence[Key], weak: Sequence[Key]) -> None:
        """What is weak goes to whom the row is about, if nobody has it."""
        home = self._of(keys[0])
        by = tuple(key for key in keys if self._of(key) is home)
        for key in weak:
            found = self.known.keys.get(key)
            if found is None and key not in self.named:
                if not self._foreign(home):
                    self.named[key] = home
            elif (owner := self._of(key)) is not home and not (found and found.weak):
                if self.rules.of(key.kind).cap is not None or not (found and self.known.used_by.get(found.id)):
                    self._use(made, key, home)
                made.meetings.append(Meeting(home, owner, by, (key,)))

    def _brought(self, made: Plan) -> dict[Key, Key]:
        """From what named a member before, row by row to what is new to it; in each row the strongest that is reached brings."""
        if not made.growing:
            return {}
        rows: dict[Key, list[list[Key]]] = {}
        for row in self.rows:
            mixed = [key for key in dict.fromkeys(row) if key in self.named]
            if any(made.new[key].member is not None for key in mixed if key in made.new):
                for key in mixed:
                    rows.setdefault(key, []).append(mixed)
        reached = deque(sorted((key for key in rows if key in self.known.keys and not self._weak(key)), key=strength))
        brought: dict[Key, Key] = {}
        while reached:
            by = reached.popleft()
            for key in (key for row in rows[by] for key in row):
                if key in made.new and key not in brought and made.new[key] is self._of(by):
                    brought[key] = by
                    if not self._weak(key):
                        reached.append(key)
        return brought

    def _use(self, made: Plan, key: Key, home: Person) -> None:
        """Towards the key's cap; but what an untrusted source says makes nobody else's identity weak."""
        if self._foreign(self._of(key)):
            return
        found = self.known.keys.get(key)
        if not (found and home.member in self.known.used_by.get(found.id, ())):
            made.uses[key, home] = None

    def _names_one(self, key: Key) -> bool:
        """Whether a weak identity names exactly one member, as far as is known."""
        found = self.known.keys.get(key)
        if found is None:
            return key in self.named
        return not found.weak and not self.known.used_by.get(found.id)

    def _weak(self, key: Key) -> bool:
        found = self.known.keys.get(key)
        return self.rules.of(key.kind).weak or (found is not None and found.weak)

    def _member(self, member: int) -> Person:
        if member not in self.members:
            person = self.members[member] = Person(member)
            for kind, app, told_by in self.known.held.get(member, ()):
                person.hold((kind, app), told_by)
        return self.members[member]

    def _of(self, key: Key) -> Person:
        """Whom it names; an unknown one names somebody new. Our source tells of it now."""
        if key not in self.named:
            found = self.known.keys.get(key)
            self.named[key] = self._member(found.member) if found else Person(None)
            self.named[key].hold((key.kind, key.app), [self.ours])
        return self.named[key].top()

    def _unite(self, one: Person, other: Person) -> bool:
        one, other = one.top(), other.top()
        if one is other:
            return True
        if one.member is None:
            one, other = other, one
        if other.member is not None or self._foreign(one) or contradict(one.held, other.held, self.rules):
            return False
        other.into = one
        for slot, told_by in other.held.items():
            one.hold(slot, told_by)
        return True

    def _foreign(self, person: Person) -> bool:
        """A member that our source may add nothing to, since another told us of it."""
        if not self.rules.untrusted or person.member is None:
            return False
        return any(told_by - {self.ours} for told_by in person.held.values())
