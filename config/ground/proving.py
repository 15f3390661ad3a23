"""Do the keys of this host open what is stored? Asked before a backup is trusted, and after one was restored.

Nothing of what is opened is shown: a fault names the row and the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from config.ground import blinds, crypto
from config.ground.sealed import SEALED, Sealed

SAMPLE = 25  # rows of each column and key, from either end
SLICE = 5000

Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True)
class Fault:
    where: str
    what: str


@dataclass
class Proof:
    proven: Counter[str] = field(default_factory=Counter)  # rows by column and key
    faults: list[Fault] = field(default_factory=list)


def prove(*, everything: bool, progress: Progress = lambda what, done, total: None) -> Proof:
    """Open what is stored, a sample of each column and key or all of it, and make its blinds again. Nothing of it is shown."""
    proof = Proof()
    try:
        with transaction.atomic():
            blinds.versions()
    except crypto.KeyMissing as error:
        proof.faults.append(Fault("ground.BlindKey", str(error)))
    for label, sealed in sorted(SEALED.items()):
        total, done = sum(sealed.by_key().values()), 0
        for rows in _all(sealed) if everything else _sample(sealed):
            for key, value, *rest in rows:
                _prove(proof, sealed, key, bytes(value), rest)
            done += len(rows)
            progress(label, done, total)
    return proof


def _prove(proof: Proof, sealed: Sealed, key: Any, value: bytes, rest: list[Any]) -> None:
    try:
        faults = sealed.faults(rest, value)
    except crypto.KeyMissing as error:
        faults = [str(error)]
    proof.faults += [Fault(f"{sealed.label} {key}", what) for what in faults]
    if not faults:
        proof.proven[f"{sealed.label} {crypto.sealed_under(value)}"] += 1


def _sample(sealed: Sealed) -> Iterator[list[tuple[Any, ...]]]:
    columns = sealed.columns
    for key in sealed.by_key():
        start = crypto.prefix(key)
        ends = [
            f"""(SELECT {columns} FROM {sealed.table} WHERE substring({sealed.column} FROM 1 FOR %s) = %s
                 ORDER BY {sealed.key} {way} LIMIT {SAMPLE})"""
            for way in ("ASC", "DESC")
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ".join(ends), [len(start), start] * 2)
            yield cursor.fetchall()


def _all(sealed: Sealed) -> Iterator[list[tuple[Any, ...]]]:
    columns, beyond, values = sealed.columns, "", list[Any]()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT {columns} FROM {sealed.table} WHERE {sealed.column} IS NOT NULL {beyond}
                    ORDER BY {sealed.key} LIMIT {SLICE}""",
                values,
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        beyond, values = f"AND {sealed.key} > %s", [rows[-1][0]]
