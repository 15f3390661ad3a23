"""All that is held on a member, for the member: one document, table by table, in the clear where it is theirs.

The file is sealed, kept for 30 days like every file of a job, and gone at once when the member is erased.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from cdp import leaving
from cdp.belonging import BELONGINGS
from cdp.erasure import family
from cdp.models import Member
from cdp.roots import root
from config.ground import audit, jobs
from config.ground.cause import Cause
from config.ground.models import Brand, Job, JobFile

KIND, ROLE = "export", "export"
AGAIN = timedelta(minutes=10)
FORMS = {"json": "application/json", "zip": "application/zip"}


def ask(member: int, *, form: str, actor: str, now: datetime) -> Job:
    """Have it made. Who asks again within AGAIN gets the same job, unless it failed."""
    member = root(member)
    asked = Job.objects.filter(kind=KIND, actor=actor, params__member=member, params__form=form)
    over = asked.filter(Q(state=Job.State.FAILED) | Q(asked_at__lte=now - AGAIN)).count()
    cause = Cause("export", f"{actor}/{member}/{form}/{over}")
    with transaction.atomic():
        if not Job.objects.filter(cause=cause.id).exists():
            audit.note(actor, "member.export_asked", f"member:{member}", now=now, form=form)
        return jobs.start(KIND, {"member": member, "form": form}, cause=cause, actor=actor, now=now)


@transaction.atomic
def make(job: Job, *, now: datetime) -> JobFile:
    """The file of an export that was asked for. Raises jobs.Refused when the member has been erased since."""
    member, form = job.params["member"], job.params["form"]
    found = Member.objects.select_for_update(no_key=True).get(pk=root(member))  # an erasure waits for us, or we for it
    if found.erased_at:
        raise jobs.Refused(_("this member was erased"))
    content = _zipped(document(found, now=now)) if form == "zip" else _encode(document(found, now=now))
    return jobs.keep_file(job, ROLE, f"member-{found.pk}.{form}", io.BytesIO(content))


def document(member: Member, *, now: datetime) -> dict[str, Any]:
    """`tables`: by name, only those that hold something."""
    members = family(member.pk)
    tables = {
        label.lower(): rows
        for label, belonging in sorted(BELONGINGS.items())
        if belonging.export is not None and (rows := leaving.show(belonging, belonging.export, members))
    }
    return {
        "as_of": now,
        "brand": Brand.objects.the().name,
        "member": {
            "id": member.pk,
            "registered_at": member.registered_at,
            "attributes": member.attributes,
            "synthetic": member.synthetic,
            "created_at": member.created_at,
        },
        "tables": tables,
    }


def _encode(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _zipped(document: dict[str, Any]) -> bytes:
    """A file for the member, and one for each table."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member.json", _encode({key: value for key, value in document.items() if key != "tables"}))
        for name, rows in document["tables"].items():
            archive.writestr(f"{name}.json", _encode(rows))
    return file.getvalue()
