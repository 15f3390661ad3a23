"""A file that somebody gave in the admin: looked at first, then tried, then brought in. Each is a job, started once per cause.

The file is kept sealed, and while a job reads it, it has no name on the disk. What was rejected is sealed too; a job's own row
says lines, columns and reasons, never what a row held. Killed and taken up again, an import ends in the same tables.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.db import connections, transaction
from django.utils.translation import gettext as _

from cdp.errors import Unreadable
from cdp.ingest import log
from cdp.ingest.files import importing, telling
from cdp.ingest.files.mapping import Mapping as Said
from cdp.ingest.files.reading import open_table
from cdp.ingest.files.rejects import BESIDE, RejectsInto
from cdp.models import IngestCall
from config.ground import audit, jobs, uploads
from config.ground.cause import Cause
from config.ground.models import Job, JobFile

LOOK, IMPORT = "import_look", "import"
FILE, SAMPLE, REJECTS = "file", "sample", "rejects"
ROWS = 8  # of a sample
CELL = 60  # characters of a cell of it


@dataclass(frozen=True)
class Wish:
    """What is to be brought, and how it is to be read; "" is found out."""

    kind: str
    source: str
    timezone: str = ""
    encoding: str = ""
    delimiter: str = ""
    history: bool = False
    drop_repeated: bool = False


@dataclass(frozen=True)
class Sample:
    columns: list[str]
    rows: list[list[str]]


def receive(file: IO[bytes], name: str, wish: Wish, *, actor: str, now: datetime) -> tuple[Job, bool]:
    """Keep the file, sealed, and have it looked at. (job, whether it is new): the same file and wish again are the same job,
    while the file is kept.
    """
    wished = vars(wish) | {"name": name[:200], "digest": uploads.digest(file)}
    with transaction.atomic():
        job, _new = _start(LOOK, wished, Job.objects.filter(files__role=FILE), actor=actor, now=now)
        if job.files.filter(role=FILE).exists():
            return job, False
        jobs.keep_file(job, FILE, name, file)
        audit.note(actor, "import.receive", f"job #{job.pk}", now=now, kind=wish.kind, source=wish.source)
    return job, True


def bring(
    look: Job, said: Mapping[str, Any], *, dry_run: bool, again: bool = False, actor: str, now: datetime
) -> tuple[Job, bool]:
    """Try the file, or bring it in, with its columns as they are said (`columns` ours: theirs, `without`, `constants`).
    (job, whether it is new): the same again is the same job, but `again`. Raises Unreadable when the columns do not do.
    """
    if not look.files.filter(role=FILE).exists():
        raise Unreadable(_("the file is not kept any more; give it again"))
    importing.fit(look.params["kind"], sample(look).columns, _said(dict(said) | look.params))
    wished = look.params | {"look": look.pk, "dry_run": dry_run} | dict(said)
    for name in ("base", "run"):
        wished.pop(name, None)
    with transaction.atomic():
        standing = Job.objects.none() if again else Job.objects.all()
        job, new = _start(IMPORT, wished, standing, actor=actor, now=now)
        if new:
            detail = {name: wished[name] for name in ("kind", "source", "dry_run", "history")}
            audit.note(actor, "import.start", f"job #{job.pk}", now=now, **detail)
    return job, new


def _start(kind: str, wished: dict[str, Any], standing: Any, *, actor: str, now: datetime) -> tuple[Job, bool]:
    """(the job of this wish that stands, False); else a new one, whose cause counts those before it."""
    base = sha256(json.dumps(wished, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    earlier = Job.objects.filter(kind=kind, params__base=base).order_by("-pk")
    if job := earlier.filter(pk__in=standing.values("pk")).first():
        return job, False
    run = earlier.count() + 1
    params = wished | {"base": base, "run": run}
    cause = Cause(f"{kind}:{wished['source']}", f"{base}/{run}")
    return jobs.start(kind, params, cause=cause, actor=actor, now=now), True


def sample(look: Job) -> Sample:
    """Raises Unreadable when it is not kept any more."""
    kept = look.files.filter(role=SAMPLE).first()
    if kept is None:
        raise Unreadable(_("the file is not kept any more; give it again"))
    found = json.loads(b"".join(jobs.read_file(kept)))
    return Sample(found["columns"], found["rows"])


@transaction.atomic
def rejects(job: Job, *, actor: str, now: datetime) -> JobFile | None:
    """The file of the rejected rows, for somebody who takes it away; every time leaves a row in the audit trail."""
    file = job.files.filter(role=REJECTS).first()
    if file:
        audit.note(
            actor, "import.rejects", f"job #{job.pk}", now=now, kind=job.params["kind"], source=job.params["source"]
        )
    return file


def look(job: Job, *, now: datetime) -> dict[str, Any]:
    """Which columns, how many rows, and how the first of them read."""
    with _opened(job) as path:
        try:
            said = job.params
            table = open_table(path, name=said["name"], encoding=said["encoding"], delimiter=said["delimiter"])
            first = [[_shown(cell) for cell in row.cells] for row in islice(table.again(), ROWS)]
            rows = sum(1 for _row in table.again())
        except Unreadable as problem:
            raise jobs.Refused(str(problem)) from None
    jobs.progress(job, rows, rows)
    jobs.keep_file(job, SAMPLE, SAMPLE, io.BytesIO(json.dumps({"columns": table.columns, "rows": first}).encode()))
    return {"format": table.format, "encoding": table.encoding, "delimiter": table.delimiter, "rows": rows}


def work(job: Job, *, now: datetime) -> dict[str, Any]:
    said = job.params
    look = Job.objects.filter(pk=said["look"]).first()
    total = look.result.get("rows") if look else None
    far = _Far(job, total, apart=said["dry_run"])
    with _opened(look or job) as path, tempfile.TemporaryFile() as rejected:
        try:
            report = importing.bring(
                said["kind"],
                path,
                source=said["source"],
                said=_said(said),
                now=now,
                dry_run=said["dry_run"],
                drop_repeated=said["drop_repeated"],
                history=said["history"],
                call=log.Call(IngestCall.Door.ADMIN, job.actor, file=said["name"]),
                progress=lambda report: far.show(report.read),
                name=said["name"],
                rejects=lambda table: RejectsInto(rejected, said["name"] + BESIDE, table),
            )
        except Unreadable as problem:
            raise jobs.Refused(str(problem)) from None
        finally:
            far.close()
        if report.rejects_file:
            rejected.seek(0)
            jobs.keep_file(job, REJECTS, report.rejects_file, rejected)
    jobs.progress(job, report.read, total)
    return telling.figures(report)


class _Far:
    """How far an import is. A dry run is one transaction that nobody sees into, so it tells by a connection of its own."""

    def __init__(self, job: Job, total: int | None, *, apart: bool) -> None:
        self.job, self.total = job, total
        self.own = connections.create_connection("default") if apart else None

    def show(self, done: int) -> None:
        if self.own is None:
            jobs.progress(self.job, done, self.total)
            return
        with self.own.cursor() as cursor:
            cursor.execute(
                "UPDATE ground_job SET done = %s, total = %s WHERE id = %s AND state = 'running'",
                [done, self.total, self.job.pk],
            )

    def close(self) -> None:
        if self.own is not None:
            self.own.close()


@contextmanager
def _opened(job: Job) -> Iterator[Path]:
    file = job.files.filter(role=FILE).first()
    if file is None:
        raise jobs.Refused(_("the file is not kept any more; give it again"))
    with uploads.unnamed(jobs.read_file(file)) as path:
        yield path


def _said(params: Mapping[str, Any]) -> Said:
    names = ("columns", "without", "constants", "timezone", "encoding", "delimiter")
    return Said(**{name: params[name] for name in names if name in params})


def _shown(cell: Any) -> str:
    text = "" if cell is None else cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)
    return text if len(text) <= CELL else text[:CELL] + "…"
