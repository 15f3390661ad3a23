"""Jobs: what was asked for, how far it is, what came of it. Doors that start one are where its subject is."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground.admin.shown import Named, in_words, pairs, word
from config.ground.models import Job
from config.ground.readonly import ReadOnlyAdmin, badge

# A kind that is not here is shown as it is written.
JOBS = {
    "import": _("import of a file"),
    "import_look": _("first look at a file"),
    "export": _("export of a member"),
    "erase": _("erasure of a member"),
}
COLOURS = {"waiting": None, "running": "info", "done": "success", "failed": "danger"}


@admin.register(Job)
class JobAdmin(Named, ReadOnlyAdmin):
    list_display = ["work", "stands", "far", "actor", "asked_at", "ended_at"]
    list_display_links = ["work"]
    list_filter = ["state", in_words("kind", JOBS)]
    fields = ["work", "stands", "far", "actor", "asked_at", "started_at", "ended_at", "wanted", "came", "reason"]
    readonly_fields = fields
    ordering = ["-id"]

    def named(self, job: Job) -> str:
        return f"{self.work(job)} #{job.pk}"

    @display(description=_("job"), ordering="kind")
    def work(self, job: Job) -> str:
        return word(JOBS, job.kind)

    @display(description=_("state"), ordering="state")
    def stands(self, job: Job) -> SafeString:
        return badge(job.get_state_display(), COLOURS[job.state])

    @display(description=_("progress"))
    def far(self, job: Job) -> str:
        if job.total is None:
            return str(job.done or "–")
        return f"{job.done} / {job.total}"

    @display(description=_("asked for"))
    def wanted(self, job: Job) -> str:
        return pairs(job.params)

    @display(description=_("what came of it"))
    def came(self, job: Job) -> str:
        return pairs(job.result)
