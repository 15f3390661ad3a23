"""How rows reach their tables: remembered first, numbered, then copied."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from cdp.models import Source


def remember(kind: str, source: Source, content: dict[str, bytes]) -> set[str]:
    ids = sorted(content)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO cdp_seen (kind, source_id, external_id, content)
               SELECT %s, %s, id, content FROM unnest(%s::text[], %s::bytea[]) AS s (id, content)
               ON CONFLICT DO NOTHING RETURNING external_id""",
            [kind, source.pk, ids, [content[id] for id in ids]],
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
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_id, content FROM cdp_seen WHERE kind = %s AND source_id = %s AND external_id = ANY(%s)",
            [kind, source.pk, list(ids)],
        )
        return {id: bytes(content) for id, content in cursor.fetchall()}


def copy_events(events: Sequence[tuple[Any, ...]], *, now: datetime) -> list[int]:
    """(occurred_at, member, the identity that named it, source, external id, type, properties) -> ids, in order."""
    ids = next_ids("cdp_event", len(events))
    make_months(e[0] for e in events)
    copy(
        "cdp_event (id, occurred_at, member_id, identity_id, source_id, external_id, type, properties, recorded_at)",
        ((id, *e[:6], json.dumps(e[6], ensure_ascii=False), now) for id, e in zip(ids, events, strict=True)),
    )
    return ids


def make_months(instants: Iterable[datetime]) -> None:
    """The partitions of these instants. Making one waits for all who write members: best outside a transaction that does."""
    months = {(at.year, at.month) for at in (instant.astimezone(UTC) for instant in instants)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cdp_event_month(at) FROM unnest(%s::timestamptz[]) AS at",
            [[datetime(year, month, 15, tzinfo=UTC) for year, month in sorted(months)]],
        )


def next_ids(table: str, count: int) -> list[int]:
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
