"""Who has ended a process in the rule engine three times does not meet it again: a member, or a whole set of rules.

Each match is first written down on a session of its own, which holds a lock on the row for as long as it lives. A row without
its lock was left by a process that did not come back. Whoever stands in three such rows is to blame; two of them, or three rows
that nobody explains, and it is the rules. Those who stand in fewer are suspects, matched alone; one who comes back is cleared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TRIES = 3
LOCK = 0x5EED  # the class of our advisory locks; the number in it is that of the row

_LEFT = """
    SELECT id, members FROM automation_matchtry t WHERE ruleset = %s AND NOT EXISTS (
        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = (t.id %% 2147483647)::int AND l.objsubid = 2)
"""
_BEGIN = """
    WITH begun AS (INSERT INTO automation_matchtry (ruleset, members) VALUES (%s, %s) RETURNING id)
    SELECT id, pg_advisory_lock(%s, (id %% 2147483647)::int) FROM begun
"""
_END = "DELETE FROM automation_matchtry WHERE id = %s"
_CLEAR = """
    WITH kept AS (DELETE FROM automation_matchtry WHERE id = ANY(%(left)s) AND members = %(only)s::bigint[])
    UPDATE automation_matchtry SET members = array_remove(members, %(member)s::bigint)
    WHERE id = ANY(%(left)s) AND %(member)s = ANY(members) AND members <> %(only)s::bigint[]
"""


@dataclass(frozen=True)
class Verdict:
    rules: bool  # these rules are quarantined: nobody is matched by the library under them
    members: frozenset[int]  # these members are
    suspects: frozenset[int]  # to be matched alone


class Watch:
    """A session for one set of rules, from before the first match until after the last."""

    def __init__(self, ruleset: str, session: BaseDatabaseWrapper) -> None:
        self._ruleset, self._session = ruleset, session
        self._left: dict[int, list[int]] = {}

    def verdict(self) -> Verdict:
        with self._session.cursor() as cursor:
            cursor.execute(_LEFT, [self._ruleset, LOCK])
            self._left = dict(cursor.fetchall())
        return judge(list(self._left.values()))

    @contextmanager
    def over(self, members: Sequence[int]) -> Iterator[None]:
        """Around a match. What it raises is counted like a process that did not come back."""
        members = sorted(set(members))
        with self._session.cursor() as cursor:
            cursor.execute(_BEGIN, [self._ruleset, members, LOCK])
            ((number, _locked),) = cursor.fetchall()
            yield
            cursor.execute(_END, [number])
            if self._left and len(members) == 1:
                cursor.execute(_CLEAR, {"left": list(self._left), "only": members, "member": members[0]})


@contextmanager
def watch(ruleset: str) -> Iterator[Watch]:
    session = connections.create_connection("default")
    try:
        yield Watch(ruleset, session)
    finally:
        session.close()


def judge(left: Sequence[Sequence[int]]) -> Verdict:
    """From the members of each match that was not come back from."""
    stands = Counter(member for members in left for member in set(members))
    blamed = frozenset(member for member, rows in stands.items() if rows >= TRIES)
    unexplained = [members for members in left if not blamed.intersection(members)]
    return Verdict(len(blamed) > 1 or len(unexplained) >= TRIES, blamed, frozenset(stands) - blamed)


def forget(*, but: str) -> None:
    """What other sets of rules left behind says nothing of these."""
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM automation_matchtry WHERE ruleset <> %s AND at < now() - interval '1 day'", [but])
