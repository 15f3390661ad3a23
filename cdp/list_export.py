"""A list of members to take away: a short one goes out at once, a long one is a job, a very long one waits for a second person.

Who is on it is settled when it is asked for: the ids are kept sealed with the job, and what the second person approves is them.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction

from cdp import member_list
from config.ground import approvals, audit, jobs
from config.ground.cause import Cause
from config.ground.models import Job

KIND, WHOM, LIST = "member_list", "members", "list"
DIRECT = 1_000  # members: what a request makes in about a second
ALONE = 10_000  # members: more than one person takes away by himself
_ID = struct.Struct("<q")


@transaction.atomic
def ask(members: Sequence[int], *, personal: bool, actor: str, now: datetime) -> Job:
    """Have it made, held for approval above ALONE. `personal`: phones in the clear."""
    whom = b"".join(map(_ID.pack, members))
    digest = hashlib.sha256(bytes([personal]) + whom)
    params = {"members": len(members), "personal": personal}
    held = len(members) > ALONE
    job = jobs.start(KIND, params, cause=Cause("member_list", str(uuid4())), actor=actor, now=now, held=held)
    jobs.keep_file(job, WHOM, "members", io.BytesIO(whom))
    audit.note(actor, "member.export_list_asked", f"job:{job.pk}", now=now, **params)
    if held:
        approvals.ask(f"job:{job.pk}", digest.digest(), actor=actor, now=now, **params)
    return job


def make(job: Job, *, now: datetime) -> dict[str, Any]:
    kept = b"".join(jobs.read_file(job.files.get(role=WHOM)))
    members = [id for (id,) in _ID.iter_unpack(kept)]
    audit.note(job.actor, "member.exported", "members", now=now, **job.params)
    rows = member_list.table(members, personal=job.params["personal"])
    file = jobs.keep_file(job, LIST, f"members-{job.pk}.csv", _Stream(rows))
    file.refresh_from_db()
    return {"name": file.name, "bytes": file.size}


class _Stream:
    """Texts one after the other, read in parts of the size that is asked for."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.texts, self.rest = texts, b""

    def read(self, size: int = -1) -> bytes:
        parts, length = [self.rest], len(self.rest)
        while size < 0 or length < size:
            if (text := next(self.texts, None)) is None:
                break
            parts.append(text.encode())
            length += len(parts[-1])
        whole = b"".join(parts)
        cut = len(whole) if size < 0 else size
        self.rest = whole[cut:]
        return whole[:cut]
