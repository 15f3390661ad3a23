"""The long work that this room does when it is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cdp import erasure, exporting, imports, list_export
from config.ground import jobs
from config.ground.models import Job


@jobs.KINDS.register(exporting.KIND)
def export(job: Job, *, now: datetime) -> dict[str, Any]:
    file = exporting.make(job, now=now)
    file.refresh_from_db()
    return {"name": file.name, "bytes": file.size}


@jobs.KINDS.register(erasure.KIND)
def erase(job: Job, *, now: datetime) -> dict[str, Any]:
    receipt = erasure.erase(
        job.params["member"], reason=job.params["reason"], actor=job.actor, asked_at=job.asked_at, now=now
    )
    return {"receipt": receipt.pk, "done_at": receipt.done_at.isoformat(), "counts": receipt.counts}


jobs.KINDS.add(imports.LOOK, imports.look)
jobs.KINDS.add(imports.IMPORT, imports.work)
jobs.KINDS.add(list_export.KIND, list_export.make)
