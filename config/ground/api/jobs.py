"""Long work that a partner asked for: how far it is, and the file that came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import audit, clock, jobs, openapi
from config.ground.models import ApiKey, Job, JobFile
from config.ground.problems import Refused
from config.ground.web import Door, PlainJSON, key_of

TABLES = {"csv": "text/csv; charset=utf-8"}  # made for people only
MEDIA = {"json": "application/json", "zip": "application/zip"}  # of a file, by the end of its name


class JobAnswer(Struct):
    """`done` of `total` (null: not known). `result` when it is done, `reason` when it failed. `file`: where it is, if any."""

    id: int
    kind: str
    state: str
    done: int
    total: int | None
    asked_at: datetime
    ended_at: datetime | None
    result: dict[str, Any]
    reason: str
    file: str | None


EXAMPLE = {
    "id": 48213,
    "kind": "export",
    "state": "done",
    "done": 0,
    "total": None,
    "asked_at": "2026-03-01T04:00:00Z",
    "ended_at": "2026-03-01T04:00:02Z",
    "result": {},
    "reason": "",
    "file": "/api/v1/jobs/48213/file",
}
WAITING = EXAMPLE | {"state": "waiting", "ended_at": None, "file": None}


class Zip(PlainJSON):
    """Lets a caller ask for a ZIP file; a refusal is JSON all the same."""

    media_type = "application/zip"
    format = "zip"


class JobDoor(Door):
    scope = "members"

    @openapi.call("A job", name="job", answers={200: JobAnswer}, refusals=(404,), answer=EXAMPLE)
    def get(self, request: Request, job: int) -> Response:
        """Long work that a key of yours asked for. Poll it until its state is `done` or `failed`."""
        return Response(answer(asked_by(key_of(request), job)))


class JobFileDoor(Door):
    scope = "members"
    renderer_classes = [PlainJSON, Zip]

    @openapi.call("The file of a job", name="job_file", answers={}, refusals=(404,), files=tuple(MEDIA.values()))
    def get(self, request: Request, job: int) -> StreamingHttpResponse:
        """The file that came of it, for 30 days. Each time it is fetched stands in the audit trail."""
        key = key_of(request)
        found = JobFile.objects.filter(job=asked_by(key, job), job__state=Job.State.DONE).order_by("-pk").first()
        if found is None:
            raise Refused(404, "no_such_file", _("this job has no file"))
        return fetched(found, actor=actor(key), now=clock.now())


def actor(key: ApiKey) -> str:
    """As whom a partner stands at a job and in the audit trail; a successor has the same name."""
    return f"api:{key.name}"


def asked_by(key: ApiKey, job: int) -> Job:
    found = Job.objects.filter(pk=job, actor=actor(key)).first() if job < 2**63 else None
    if found is None:
        raise Refused(404, "no_such_job", _("this key asked for no such job"))
    return found


def answer(job: Job) -> JobAnswer:
    has_file = job.state == Job.State.DONE and job.files.exists()
    return JobAnswer(
        job.pk,
        job.kind,
        job.state,
        job.done,
        job.total,
        job.asked_at,
        job.ended_at,
        job.result,
        job.reason,
        reverse("job_file", args=[job.pk]) if has_file else None,
    )


def accepted(job: Job) -> Response:
    """202, and where to look."""
    return Response(answer(job), status=202, headers={"Location": reverse("job", args=[job.pk])})


def fetched(file: JobFile, *, actor: str, now: datetime) -> StreamingHttpResponse:
    """The file part by part; that it was fetched is written down first."""
    audit.note(actor, "job.file_fetched", f"job:{file.job_id}", now=now, file=file.name)
    media = (MEDIA | TABLES).get(file.name.rpartition(".")[2], "application/octet-stream")
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(jobs.read_file(file), content_type=media, headers=headers)
