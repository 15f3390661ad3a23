"""Every row that comes in is counted: in the transaction that stores it, as stored, duplicate or rejected, and never twice.

A refused call is counted too, in a transaction of its own, and is answered as it would be without the log. What the rows said
is never in the counts: of rejected rows the place, as far as it names fields that are known, and the code; the body itself is
sealed and kept for 30 days.
"""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, Protocol

from django.db import DatabaseError, connection, transaction

from cdp import attributes
from cdp.errors import Rejected
from cdp.ingest.batch import Accepted
from cdp.ingest.rows import NAMES
from cdp.ingest.said import Said
from cdp.models import IngestBody, IngestCall, Source
from config.ground import audit, crypto

log = logging.getLogger(__name__)

NAMED = 100  # rejected rows of a call that are named one by one
FIELDS = 200  # fields of a call that are counted one by one
_PLACE = re.compile(r"(.+?)(?:\[[0-9]{1,5}\])?")  # a name, and which of several
_FAST = 1  # zlib's level: a tenth of the size for a fiftieth of what the batch itself costs


class Noted(Protocol):
    """Who is told what became of a batch, in the transaction that stores it."""

    def note(
        self, kind: str, source: Source, answer: Accepted, said: Said, *, history: bool, now: datetime
    ) -> None: ...


@dataclass(frozen=True)
class Body:
    size: int
    sealed: bytes


def seal(body: bytes) -> Body | None:
    return Body(len(body), crypto.seal_bytes(zlib.compress(body, _FAST))) if body else None


@dataclass(frozen=True)
class Call:
    """One call: who came to which door with what in hand."""

    door: str
    actor: str = ""
    request_id: str = ""
    file: str = ""
    body: Body | None = None

    def note(self, kind: str, source: Source, answer: Accepted, said: Said, *, history: bool, now: datetime) -> None:
        tally = Tally()
        tally.add(answer, said)
        tally.name(answer.rejected)
        self._keep(IngestCall(kind=kind, source=source, history=history, at=now, **tally.columns()))

    def refused(
        self, kind: str, code: str, *, source: str, rows: int = 0, rejected: Sequence[Rejected] = (), now: datetime
    ) -> None:
        """Nothing of it was stored: rows that were good are rejected with the others. A log that fails is no reason to fail."""
        tally = Tally()
        tally.reject([r.code for r in rejected])
        tally.reject(["with_batch" if rejected else code] * (rows - len(rejected)))
        tally.name(rejected)
        try:
            with transaction.atomic():
                of, _made = Source.objects.get_or_create(code=source, defaults={"name": source})
                refused = IngestCall.State.REFUSED
                self._keep(IngestCall(kind=kind, source=of, state=refused, code=code[:50], at=now, **tally.columns()))
        except DatabaseError:
            log.warning("a refused call (%s) of %s was not kept", code, kind, exc_info=True)

    def _keep(self, row: IngestCall) -> None:
        row.door, row.actor, row.request_id, row.file = self.door, self.actor, self.request_id, self.file[-200:]
        row.save(force_insert=True)
        if self.body:
            IngestBody.objects.create(call=row, size=self.body.size, sealed=self.body.sealed)


@dataclass
class Tally:
    """Counts that add up: rows = accepted + duplicates + rejected."""

    accepted: int = 0
    duplicates: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    named: list[dict[str, Any]] = field(default_factory=list)
    said: Said = field(default_factory=Said)

    def add(self, answer: Accepted, said: Said) -> None:
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        self.reject([r.code for r in answer.rejected])
        self.said.add(said)

    def reject(self, codes: Sequence[str]) -> None:
        self.reasons.update(codes)

    def name(self, rejected: Sequence[Rejected], at: str = "index") -> None:
        for one in rejected[: NAMED - len(self.named)]:
            path = one.path.replace("\0", "") if at == "line" else _known(one.path)
            self.named.append({at: one.index, "path": path[:200], "code": one.code})

    def columns(self) -> dict[str, Any]:
        rejected = self.reasons.total()
        return {
            "rows": self.accepted + self.duplicates + rejected,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": rejected,
            "reasons": dict(self.reasons),
            "rejections": self.named,
            "said": self.said.most(FIELDS),
            "said_of": self.said.of,
        }


def _known(path: str) -> str:
    """As far as it names fields of rows and declared attributes. Any other name is the partner's, who may have put a number or a
    name of a person there.
    """
    head, dot, rest = path.partition(".")
    if dot and head == "attributes":
        declared = (name := _PLACE.fullmatch(rest)) and name[1] in attributes.declared()
        return path if declared else head
    kept = takewhile(lambda part: (name := _PLACE.fullmatch(part)) and name[1] in NAMES, path.split("."))
    return ".".join(kept)


class Run:
    """A file on its way in: a row for each kind that is made of it, which each chunk adds to as it is stored. The rows of a run
    that was killed stay under way.
    """

    def __init__(self, call: Call, kind: str, *, source: str, history: bool, now: datetime) -> None:
        self.call, self.kind, self.history, self.now = call, kind, history, now
        self.source, _made = Source.objects.get_or_create(code=source, defaults={"name": source})
        self.rows: dict[str, tuple[int, Tally]] = {}
        self._of(kind)

    def note(self, kind: str, source: Source, answer: Accepted, said: Said, *, history: bool, now: datetime) -> None:
        self._of(kind).add(answer, said)
        self._write(kind)

    def again(self, kind: str, rows: int) -> None:
        """Rows that said what others of the same chunk say."""
        if rows:
            self._of(kind).duplicates += rows

    def unread(self, code: str, kind: str = "") -> None:
        """A row that never came as far as ingest."""
        self._of(kind).reject([code])

    def name(self, rejected: Rejected, kind: str = "") -> None:
        """Where a rejected row stands in the file; its index is a line."""
        self._of(kind).name([rejected], at="line")

    def keep(self) -> None:
        """What was counted beside the batches."""
        for kind in self.rows:
            self._write(kind)

    def end(self) -> None:
        IngestCall.objects.filter(pk__in=[pk for pk, _tally in self.rows.values()]).update(state=IngestCall.State.TAKEN)

    def _of(self, kind: str) -> Tally:
        kind = kind or self.kind
        if kind not in self.rows:
            under_way = IngestCall.State.UNDER_WAY
            row = IngestCall(kind=kind, source=self.source, state=under_way, history=self.history, at=self.now)
            self.call._keep(row)
            self.rows[kind] = row.pk, Tally()
        return self.rows[kind][1]

    def _write(self, kind: str) -> None:
        pk, tally = self.rows[kind]
        columns = tally.columns()
        for name in ("reasons", "rejections", "said"):
            columns[name] = json.dumps(columns[name], ensure_ascii=False)
        written = ", ".join(f"{name} = %s" for name in columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE cdp_ingestcall SET {written}, last_at = statement_timestamp() WHERE id = %s",
                [*columns.values(), pk],
            )


@transaction.atomic
def read_body(call: IngestCall, *, actor: str, now: datetime) -> bytes:
    """The body as it was sent. Raises IngestBody.DoesNotExist when its time is over; looking leaves a row in the audit trail."""
    body = open_body(call)
    audit.note(actor, "ingest_call.read", f"ingest_call:{call.pk}", now=now, request_id=call.request_id)
    return body


def open_body(call: IngestCall) -> bytes:
    """For a reader that shows none of its values."""
    return zlib.decompress(crypto.unseal_bytes(bytes(IngestBody.objects.get(call=call).sealed)))
