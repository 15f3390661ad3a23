"""Long work that somebody asked for: a row says what is to be done, a worker does it, and everybody can see how far it is.

A cause starts one job. While a worker runs it, the worker's session holds its advisory lock: when the process dies the lock goes
with it, and the next look takes the job up again. So the work must stand being begun again, as an import does. After TRIES
failures the job has failed, with its reason and an alarm. Files that go in or come out are sealed, and kept for 30 days.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from config.ground import alarms, approvals, crypto
from config.ground.cause import Cause
from config.ground.models import Approval, Job, JobFile, JobPart
from config.ground.nudge import nudge
from config.ground.registry import Registry

log = logging.getLogger(__name__)

TRIES = 3
WAITS = 10  # looks, one a minute or more: an outage of the database is over by then
PART = (
    1024 * 1024
)  # bytes of a file that are sealed together: a row of a size that the database and memory carry easily
_LOCK = "hashtext('ground.job')"

Run = Callable[..., dict[str, Any]]  # (job, *, now) -> what came of it, as the page and the API show it


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Refused(Exception):
    """The work cannot be done as asked, and trying again will not help; the message says why, in the asker's language."""


KINDS: Registry[Run] = Registry("kind of job")


@transaction.atomic
def start(kind: str, params: dict[str, Any], *, cause: Cause, actor: str, now: datetime, held: bool = False) -> Job:
    """Ask for it. The same cause again answers the same job. `params`: ids and options, never anything personal. `held`: it waits
    until somebody approves it.
    """
    KINDS.get(kind)
    job, made = Job.objects.get_or_create(
        cause=cause.id,
        defaults={
            "kind": kind,
            "params": params,
            "origin": cause.origin,
            "actor": actor,
            "language": translation.get_language() or "",
            "asked_at": now,
            "state": Job.State.HELD if held else Job.State.WAITING,
        },
    )
    if made and not held:
        nudge("ground.jobs")
    return job


@approvals.TOLD.register("job")
def _decided(approval: Approval, *, now: datetime) -> None:
    held = Job.objects.filter(pk=int(approval.subject.partition(":")[2]), state=Job.State.HELD)
    if approval.state == Approval.State.APPROVED:
        held.update(state=Job.State.WAITING)
        nudge("ground.jobs")
    else:
        refused = gettext("%(who)s did not approve it") % {"who": approval.decided_by}
        held.update(state=Job.State.FAILED, ended_at=now, reason=refused)


def run_waiting(now: Callable[[], datetime]) -> int:
    """Do what waits, one after the other. Returns how many were taken up. `now`: the door's clock, read once per job."""
    done = 0
    for pk in Job.objects.filter(state__in=Job.UNDER_WAY).order_by("pk").values_list("pk", flat=True):
        try:
            with _held(pk) as mine:
                if mine and (job := Job.objects.filter(pk=pk, state__in=Job.UNDER_WAY).first()):
                    _run(job, now=now())
                    done += 1
        except (OperationalError, InterfaceError) as error:
            _wait(pk, error, now=now())  # raises again when the database is away
    return done


def _wait(pk: int, error: Exception, *, now: datetime) -> None:
    """The database did not carry a job through: it waits for the next look, the others go on. Somebody is told of one that
    waits for ever.
    """
    log.warning("job %s waits: %s", pk, type(error).__name__)
    Job.objects.filter(pk=pk).update(waits=F("waits") + 1)
    if Job.objects.filter(pk=pk, waits__gte=WAITS).exists():
        alarms.ring(f"job:{pk}", gettext_noop("the database refused it %(times)s times"), now=now, times=WAITS)


@contextmanager
def _held(pk: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK}, %s)", [pk % 2**31])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock({_LOCK}, %s)", [pk % 2**31])


def _run(job: Job, *, now: datetime) -> None:
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, started_at=now, tries=F("tries") + 1)
    try:
        with translation.override(job.language or None):
            result = KINDS.get(job.kind)(job, now=now)
    except Refused as refusal:
        _end(job, Job.State.FAILED, now=now, reason=str(refusal))
    except (OperationalError, InterfaceError):
        Job.objects.filter(pk=job.pk).update(
            tries=F("tries") - 1
        )  # the database was busy or away: the job is not to blame
        raise
    except Exception as error:
        log.exception("job %s (%s) failed", job.pk, job.kind)
        if job.tries + 1 >= TRIES:
            _end(job, Job.State.FAILED, now=now, reason=type(error).__name__)
            alarms.ring(
                f"job:{job.pk}",
                gettext_noop("%(kind)s: %(error)s in %(tries)s attempts"),
                now=now,
                kind=job.kind,
                error=type(error).__name__,
                tries=TRIES,
            )
    else:
        _end(job, Job.State.DONE, now=now, result=result)


def _end(job: Job, state: str, *, now: datetime, result: dict[str, Any] | None = None, reason: str = "") -> None:
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=now, result=result or {}, reason=reason[:500])


def progress(job: Job, done: int, total: int | None = None) -> None:
    Job.objects.filter(pk=job.pk).update(done=done, **({} if total is None else {"total": total}))


def keep_file(job: Job, role: str, name: str, content: Readable) -> JobFile:
    """Seal a file part by part. A job has one file of a role; another one takes its place."""
    with transaction.atomic():
        JobFile.objects.filter(job=job, role=role).delete()
        file = JobFile.objects.create(job=job, role=role, name=name[:200])
        size = n = 0
        while part := content.read(PART):
            JobPart.objects.create(file=file, n=n, sealed=crypto.seal_bytes(part))
            size, n = size + len(part), n + 1
        JobFile.objects.filter(pk=file.pk).update(size=size)
    return file


def read_file(file: JobFile) -> Iterator[bytes]:
    for sealed in (
        JobPart.objects.filter(file=file).order_by("n").values_list("sealed", flat=True).iterator(chunk_size=4)
    ):
        yield crypto.unseal_bytes(bytes(sealed))
