"""A change of keys: what is sealed under older keys is sealed under the newest, and blinds are made anew.

Each slice is a transaction, and what has to be done stands in the rows themselves: killed at any point and begun again, the rest
follows; done twice, nothing changes. Meanwhile both keys open, and both blinds are looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction

from config.ground import audit, blinds, crypto
from config.ground.models import BlindKey
from config.ground.sealed import FOLLOWERS, SEALED, Pairs, Sealed

SLICE = 500  # rows: some 50 ms, for which a batch that names one of them may wait
TRIES = 5  # of a slice that met others in a deadlock

Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass
class Turned:
    """What a change of keys did, and which keys are needed still: key -> what needs it."""

    changed: Counter[str] = field(default_factory=Counter)  # rows by column
    written: str = ""
    needed: dict[str, Counter[str]] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)  # keys that this host has and nothing needs


def turn(*, actor: str, now: datetime, progress: Progress = lambda what, done, total: None) -> Turned:
    """Everything to the newest keys of this host. Raises KeyMissing or Unreadable before it would lose anything."""
    newest = crypto.blind_keys()[0]
    _let_go_of_unused(newest)
    with transaction.atomic():
        before = blinds.versions()
    flipped = blinds.turn_to(newest, waiting=lambda: progress("waiting for batches under way", 0, 0))
    turned = Turned(written=newest)
    for _label, sealed in sorted(SEALED.items()):
        if count := _turn_all(sealed, newest, progress):
            turned.changed[sealed.label] = count
    _retire(newest)
    turned.needed = needed()
    turned.idle = [key for key in _older_settings() if key not in turned.needed]
    if flipped or turned.changed:
        audit.note(
            actor, "keys.rotated", "keys", now=now, rows=dict(turned.changed), written=newest, before=before.written
        )
    return turned


def _let_go_of_unused(newest: str) -> None:
    """A version that this host lacks and no row has: of an installation that got other keys before it had anybody."""
    for version, written in BlindKey.objects.values_list("id", "written"):
        if version in crypto.blind_keys() or _looked_up_with(version):
            continue
        if written:
            blinds.turn_to(newest)
        blinds.retire(version)


def _older_settings() -> list[str]:
    """The keys of this host that are not the newest of their setting, as `needed` calls them."""
    own = [version for version in crypto.blind_keys() if not version.startswith(crypto.OF_FIELD)]
    return [_setting(crypto.OF_FIELD + key) for key in crypto.field_keys()[1:]] + [_setting(key) for key in own[1:]]


def _setting(version: str) -> str:
    """What the operator calls the key of a version."""
    of_field = version.startswith(crypto.OF_FIELD)
    return f"FIELD_KEY {version.removeprefix(crypto.OF_FIELD)}" if of_field else f"BLIND_KEY {version}"


def _turn_all(sealed: Sealed, newest: str, progress: Progress) -> int:
    total = _older(sealed, newest)
    done, after = 0, None
    while total:
        count, after = _again(lambda after=after: _turn_slice(sealed, newest, after))  # type: ignore[misc]
        if not count:
            break
        done += count
        progress(sealed.label, done, total)
    return done


def _again(slice: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """A slice locks many rows; who loses a deadlock begins again."""
    for attempt in range(TRIES):
        try:
            return slice()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in ("40P01", "55P03") or attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _condition(sealed: Sealed, newest: str) -> tuple[str, list[Any]]:
    """Rows that are not under the newest keys."""
    start = crypto.prefix(crypto.field_keys()[0])
    asked = f"substring({sealed.column} FROM 1 FOR %s) <> %s"
    if sealed.blind is None:
        return f"({asked})", [len(start), start]
    return f"({asked} OR {sealed.blind.version} <> %s)", [len(start), start, newest]


def _older(sealed: Sealed, newest: str) -> int:
    condition, values = _condition(sealed, newest)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {sealed.table} WHERE {condition}", values)
        return int(cursor.fetchone()[0])


@transaction.atomic
def _turn_slice(sealed: Sealed, newest: str, after: Any) -> tuple[int, Any]:
    """How many rows, and the key of the last."""
    condition, values = _condition(sealed, newest)
    if after is not None:
        condition, values = f"{condition} AND {sealed.key} > %s", [*values, after]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {sealed.columns} FROM {sealed.table}
                WHERE {condition} ORDER BY {sealed.key} LIMIT {sealed.rows or SLICE} FOR UPDATE""",
            values,
        )
        rows = cursor.fetchall()
        if not rows:
            return 0, after
        keys = [row[0] for row in rows]
        clear = [crypto.unseal_bytes(row[1]) for row in rows]
        anew = [crypto.seal_bytes(content) for content in clear]
        if sealed.blind is None:
            _write(cursor, sealed, keys, {sealed.column: anew})
        else:
            hidden = [crypto.blind(newest, *row[2:-2], value.decode()) for row, value in zip(rows, clear, strict=True)]
            _write(cursor, sealed, keys, {sealed.column: anew, sealed.blind.column: hidden}, newest)
            before = [bytes(row[-2]) for row in rows]
            _follow([pair for pair in zip(before, hidden, strict=True) if pair[0] != pair[1]], newest)
        return len(rows), keys[-1]


def _write(cursor: Any, sealed: Sealed, keys: list[Any], new: dict[str, list[bytes]], version: str = "") -> None:
    kind = "text" if isinstance(keys[0], str) else "bigint"
    arrays = ", ".join([f"%s::{kind}[]", *["%s::bytea[]"] * len(new)])
    setting = ", ".join(f"{column} = n.{column}" for column in new)
    if sealed.blind:
        setting += f", {sealed.blind.version} = %s"
    cursor.execute(
        f"""UPDATE {sealed.table} t SET {setting} FROM unnest({arrays}) AS n (key, {", ".join(new)})
            WHERE t.{sealed.key} = n.key""",
        [*([version] if sealed.blind else []), keys, *new.values()],
    )


def _follow(pairs: Pairs, version: str) -> None:
    if pairs:
        for _label, followers in sorted(FOLLOWERS.items()):
            followers.follow(pairs, version)


def _retire(newest: str) -> None:
    """Versions that no row is looked up with any more. Nobody writes them since `turn_to`."""
    with transaction.atomic():
        older = blinds.versions().older
    for version in older:
        if version != newest and not _looked_up_with(version):
            blinds.retire(version)


def _looked_up_with(version: str) -> dict[str, int]:
    """Rows by what they are that are found under this version only."""
    found = {label: count for label, sealed in SEALED.items() if (count := sealed.looked_up_with(version))}
    for _label, followers in FOLLOWERS.items():
        found |= followers.stuck(version)
    return found


def needed() -> dict[str, Counter[str]]:
    """Key, as `FIELD_KEY k1` -> rows by what they are that need it."""
    found: dict[str, Counter[str]] = {}
    for label, sealed in sorted(SEALED.items()):
        for key, count in sealed.by_key().items():
            found.setdefault(_setting(crypto.OF_FIELD + key), Counter())[label] = count
    for version in BlindKey.objects.order_by("id").values_list("id", flat=True):
        found.setdefault(_setting(version), Counter()).update(
            {f"{label} (look-up)": count for label, count in _looked_up_with(version).items()}
        )
    return found
