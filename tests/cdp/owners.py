"""The books of who owns what, kept beside the service: each identity is of the person whose identity brought it, whoever that person
is one with at the moment.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count

from cdp import identity
from cdp.models import Consent, Identity, MemberTag


def named(names) -> dict[str, int]:
    """Those of the names that name somebody -> whom."""
    keys = {identity.parse(name): name for name in names}
    return {keys[key]: found.member for key, found in identity.known(keys).items()}


class Owners:
    """A person is a number of ours. `unsure`: an identity went to an heir or turned weak, so that nobody here knows any more."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}  # name -> person
        self.tags: set[tuple[int, str]] = set()
        self.words: dict[int, list[tuple[str, str]]] = defaultdict(list)  # person -> (at, state)
        self.unsure = False
        self.one_with: dict[int, set[int]] = {}
        self._number = count(1)

    def before(self) -> None:
        """A row is about to come: who is one with whom."""
        people = defaultdict(set)
        for name, member in named(self.of).items():
            people[member].add(self.of[name])
        self.one_with = {person: people for people in people.values() for person in people}

    def came(self, *names: str) -> int:
        """A row came with these names, the strongest first. Returns the person whom its strongest name is of."""
        now, first = named(names), names[0]
        old = next((name for name in names if name in self.of and now[name] == now[first]), None)
        if first not in self.of:
            self.of[first] = self.of[old] if old else next(self._number)
            self.one_with.setdefault(self.of[first], {self.of[first]})
        for name in names:
            if name in now:
                self.of.setdefault(name, self.of[first])
        return self.of[first]

    def said(self, person: int, at: str, state: str) -> None:
        if (at, state) not in self.words[person]:
            for who in self.one_with[person] if state == "withdrawn" else {person}:
                self.words[who].append((at, state))

    def gone(self, member_names: set[str]) -> None:
        """These named somebody who was erased."""
        for name in member_names:
            person = self.of.pop(name)
            self.tags = {(who, tag) for who, tag in self.tags if who != person}
            self.words.pop(person, None)
        self.unsure |= bool(named(member_names))

    def check(self) -> None:
        """All that can be undone is."""
        if self.unsure or Identity.objects.exclude(weak_since=None).exists():
            return
        members = named(self.of)
        assert members.keys() == self.of.keys()
        people = {(person, members[name]) for name, person in self.of.items()}
        assert len(people) == len({person for person, _m in people}) == len({member for _p, member in people})
        member = dict(people)
        carried = MemberTag.objects.filter(member__in=member.values()).values_list("member", "tag__name")
        assert set(carried) == {(member[person], tag) for person, tag in self.tags}
        words = {member[person]: max(words)[1] for person, words in self.words.items() if words}
        force = Consent.objects.filter(member__in=member.values(), channel="sms").values_list("member", "state")
        assert dict(force) == words
