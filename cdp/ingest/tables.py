"""How rows reach their tables: remembered first, numbered, then copied.

What a row said is remembered under a veil, so that nobody who has the table alone can try out what it may have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from cdp.models import Source
from config.ground import wrapped
from config.ground.columns import binary, bytea, column, instants, json, lines, numbers, texts

VEILED = b"\1"  # before a content that is; one from before there was a veil is a multiple of four bytes long


def remember(kind: str, source: Source, content: dict[str, bytes]) -> set[str]:
    ids = sorted(content)
    key = wrapped.key("seen")
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_seen (kind, source_id, external_id, content)
               SELECT %s, %s, id, content FROM unnest(%s::text[], %s::bytea[]) AS s (id, content)
               ON CONFLICT DO NOTHING RETURNING external_id""",
            [kind, source.pk, column(ids), bytea([_hidden(key, kind, source, id, content[id]) for id in ids])],
        )
        return {row[0] for row in cursor.fetchall()}


def forget(kind: str, source: Source, ids: Sequence[str]) -> None:
    """Rows that were remembered and then not stored: they may come again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM cdp_seen WHERE kind = %s AND source_id = %s AND external_id = ANY(%s)",
            [kind, source.pk, list(ids)],
        )


def stored_content(kind: str, source: Source, ids: Sequence[str]) -> dict[str, bytes]:
    key = wrapped.key("seen")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_id, content FROM cdp_seen WHERE kind = %s AND source_id = %s AND external_id = ANY(%s)",
            [kind, source.pk, list(ids)],
        )
        return {id: _shown(key, kind, source, id, bytes(content)) for id, content in cursor.fetchall()}


def _hidden(key: bytes, kind: str, source: Source, id: str, content: bytes) -> bytes:
    return VEILED + wrapped.veil(key, f"{kind}/{source.pk}/{id}", content) if content else b""


def _shown(key: bytes, kind: str, source: Source, id: str, stored: bytes) -> bytes:
    return wrapped.veil(key, f"{kind}/{source.pk}/{id}", stored[1:]) if len(stored) % 4 else stored


def copy_events(events: Sequence[tuple[Any, ...]], *, now: datetime) -> list[int]:
    """(occurred_at, member, the identity that named it, source, external id, type, properties, sealed) -> ids, in order."""
    if not events:
        return []
    ids = next_ids("cdp_event", len(events))
    at, member, named_by, source, external, type, properties, sealed = zip(*events, strict=True)
    make_months(at)
    written = lines(
        numbers(ids), instants(at), numbers(member), numbers(named_by), numbers(source), texts(external), texts(type),
        json(properties), binary(sealed), [now.isoformat()] * len(ids),
    )  # fmt: skip
    into = "id, occurred_at, member_id, identity_id, source_id, external_id, type, properties, sealed, recorded_at"
    with connection.cursor() as cursor, cursor.copy(f"COPY cdp_event ({into}) FROM STDIN") as stream:
        stream.write(written)
    return ids


def make_months(of: Iterable[datetime]) -> None:
    """The partitions of these instants. Making one waits for all who write members: best outside a transaction that does."""
    each = list(of)
    months = {_month(at) for at in (min(each), max(each))} if each else set()
    if len(months) > 1:
        months = {_month(at) for at in each}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cdp_event_month(at) FROM unnest(%s::timestamptz[]) AS at",
            [[datetime(year, month, 15, tzinfo=UTC) for year, month in sorted(months)]],
        )


def _month(at: datetime) -> tuple[int, int]:
    return (utc := at.astimezone(UTC)).year, utc.month


def next_ids(table: str, count: int) -> list[int]:
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [f"{table}_id_seq", count])
        return [row[0] for row in cursor.fetchall()]


def array(texts: Sequence[str]) -> str:
    """A text[] as COPY reads it. Categories come by the million and differ by the thousand; the adapter asks each anew."""
    return _array(tuple(texts))


@lru_cache(maxsize=10_000)
def _array(texts: tuple[str, ...]) -> str:
    return "{" + ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts) + "}"


def copy(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)
