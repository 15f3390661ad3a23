"""One value has one blind at a time: which version of the blind key is written is a row, never a setting of a host.

Whoever looks up or writes a blind asks `versions()` first. It takes an advisory lock, shared, until the end of the transaction;
`turn_to` takes it alone. So all who write at one moment write the same version, and the unique key over the blind makes the
second of two who name a new person wait; and whoever finds nobody under all versions knows that nobody was written under an
older one meanwhile, since older ones are written by nobody any more. The law is in the database too: a trigger refuses an
identity under another version than the written one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction

from config.ground import crypto

PATIENCE = "1s"  # that a change waits in the queue; as long, new batches wait behind it
PAUSE = 0.5  # seconds until it queues again


@dataclass(frozen=True)
class Versions:
    written: str
    older: tuple[str, ...] = ()

    def every(self) -> tuple[str, ...]:
        return (self.written, *self.older)


def versions() -> Versions:
    """In a transaction: they stay so until it ends. Raises KeyMissing when this host cannot look up all that is stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, proof FROM ground_blind_keys()")
        rows = [(version, bytes(proof)) for version, proof in cursor.fetchall()]
    for version, proof in rows:
        if crypto.proof(version) != proof:
            raise crypto.KeyMissing(
                f"the blind key {version!r} of this host is another than the database was written with"
            )
    if not rows:
        raise crypto.KeyMissing("the database names no blind key; run `manage.py migrate`")
    written, *older = [version for version, _proof in rows]
    return Versions(written, tuple(older))


def turn_to(version: str, *, waiting: Callable[[], None] = lambda: None) -> bool:
    """From now on this version is written, on every host. Returns whether it was not yet. Waits for batches under way."""
    while True:
        try:
            return _turn(version)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in ("55P03", "40P01"):  # lock not available, deadlock
                raise
        waiting()
        time.sleep(PAUSE)


@transaction.atomic
def _turn(version: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT written FROM ground_blindkey WHERE id = %s", [version])
        if (row := cursor.fetchone()) and row[0]:
            return False
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ground.blind_keys'))")
        cursor.execute(
            "INSERT INTO ground_blindkey (id, written, proof) VALUES (%s, false, %s) ON CONFLICT DO NOTHING",
            [version, crypto.proof(version)],
        )
        cursor.execute("UPDATE ground_blindkey SET written = false WHERE written")
        cursor.execute("UPDATE ground_blindkey SET written = true WHERE id = %s", [version])
        return cursor.rowcount == 1


def retire(version: str) -> None:
    """No row has it any more, and nobody writes it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ground_blindkey WHERE id = %s AND NOT written", [version])
