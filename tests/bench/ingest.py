"""What a row costs on its way in, held against the plainest statement that would store it.

The floor decodes a body of 1,000 events and stores it with one INSERT .. SELECT FROM unnest, in one transaction. Ours is the whole
call through the WSGI application: key, rate, strict JSON, identity, once for ever, the fact, who is to be told, the answer.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from django.db import connection, transaction

from cdp.ingest.files import importing, mapping
from cdp.models import OrderLine
from config.ground import keys
from config.wsgi import application
from tests.bench.measure import Spent, spent

ROWS = 1000  # of a request: the most that a call takes
MEMBERS = 20_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
OWED = 2.0  # times the floor, per event


class _Row(msgspec.Struct):
    id: str
    type: str
    occurred_at: datetime
    identities: list[str]
    properties: msgspec.Raw


class _Batch(msgspec.Struct):
    source: str
    events: list[_Row]


def bodies(name: str, count: int) -> Iterator[bytes]:
    number = itertools.count()
    for _body in range(count):
        events = [
            {
                "id": f"{name}-{n}",
                "type": "browse",
                "identities": [f"crm_id:{n * 7919 % MEMBERS}"],
                "occurred_at": (AT + timedelta(seconds=n)).isoformat(),
                "properties": {"sku": f"sku-{n % 500}", "seconds": n % 300, "page": "/p/" + "x" * (n % 40)},
            }
            for n in itertools.islice(number, ROWS)
        ]
        yield msgspec.json.encode({"source": "bench", "events": events})


def floor(batches: list[bytes]) -> Spent:
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE UNLOGGED TABLE IF NOT EXISTS bench_floor (
                   source text, external_id text, type text, identity text, occurred_at timestamptz, properties jsonb,
                   PRIMARY KEY (source, external_id));
               ALTER TABLE bench_floor SET LOGGED; TRUNCATE bench_floor"""
        )
    decoder = msgspec.json.Decoder(_Batch)
    with spent() as figure:
        for body in batches:
            batch = decoder.decode(body)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    """INSERT INTO bench_floor SELECT %s, * FROM unnest(
                           %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
                       ON CONFLICT DO NOTHING""",
                    [
                        batch.source,
                        [e.id for e in batch.events],
                        [e.type for e in batch.events],
                        [e.identities[0] for e in batch.events],
                        [e.occurred_at for e in batch.events],
                        [bytes(e.properties).decode() for e in batch.events],
                    ],
                )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_floor")
    return figure


def ours(batches: list[bytes], key: str) -> Spent:
    with spent() as figure:
        for body in batches:
            assert call("/api/v1/ingest/events", body, key) == "202 Accepted"
    return figure


def call(path: str, body: bytes, key: str) -> str:
    said: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }
    answer = application(environ, lambda status, headers, *more: said.append(status))
    content = b"".join(answer)
    if close := getattr(answer, "close", None):
        close()
    assert said[0] == "202 Accepted", content[:500]
    return said[0]


def events(requests: int) -> tuple[str, float, float, float]:
    """(what, our µs per event, the floor's, owed ratio); the first requests make the members and warm both sides up."""
    key = keys.create(f"bench {requests}", ["ingest"], "bench", rate=keys.FASTEST, actor="bench", now=AT)
    ours(list(bodies("warm", max(MEMBERS // ROWS, 5))), key)
    plain, whole, turns = 0.0, 0.0, 10
    for turn in range(turns):  # by turns, so that whatever else the machine does meets both
        batches = list(bodies(f"event-{turn}", requests // turns))
        plain += floor(batches).both
        whole += ours(batches, key).both
    per_event = 1e6 / (requests // turns * turns * ROWS)
    return "ingest over HTTP, µs CPU per event", whole * per_event, plain * per_event, OWED


def lines(count: int) -> tuple[str, float, float, float]:
    """An import of order lines: CPU seconds of the client per million lines, against the 60 that are owed."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "lines.csv")
        with path.open("w") as file:
            file.write("id,crm_id,placed_at,sku,quantity,amount,store\n")
            for n in range(count):
                order = n // 8
                at = AT + timedelta(seconds=order)
                file.write(
                    f"o-{order},{order % MEMBERS},{at:%Y-%m-%dT%H:%M:%SZ},sku-{n % 900},1,{n % 9000 / 100:.2f},{order % 30}\n"
                )
        with spent() as figure:
            said = mapping.load(None, ["store=store"])
            report = importing.bring(
                "order_lines", path, source="bench", said=said, now=datetime.now(UTC), history=True
            )
    assert report.stored + report.rejected == count and OrderLine.objects.count() >= report.stored
    return "import of a million order lines, s CPU of the client", figure.client * 1e6 / count, 60.0, 1.0
