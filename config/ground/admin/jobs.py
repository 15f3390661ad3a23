"""Jobs: what was asked for, how far it is, what came of it. Doors that start one are where its subject is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground import approvals, clock
from config.ground.admin.shown import Named, in_words, pairs, word
from config.ground.models import Approval, Job
from config.ground.readonly import ReadOnlyAdmin, badge

# A kind that is not here is shown as it is written.
JOBS = {
    "import": _("import of a file"),
    "import_look": _("first look at a file"),
    "export": _("export of a member"),
    "erase": _("erasure of a member"),
    "member_list": _("export of a list of members"),
}
DOWNLOADS: dict[str, str] = {}  # kind of job -> the page that gives what it made to who asked for it
COLOURS = {"held": "warning", "waiting": None, "running": "info", "done": "success", "failed": "danger"}


@admin.register(Job)
class JobAdmin(Named, ReadOnlyAdmin):
    list_display = ["work", "stands", "far", "actor", "asked_at", "ended_at"]
    list_display_links = ["work"]
    list_filter = ["state", in_words("kind", JOBS)]
    fields = [
        "work",
        "stands",
        "far",
        "actor",
        "asked_at",
        "started_at",
        "ended_at",
        "wanted",
        "came",
        "file",
        "reason",
    ]
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

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Job | None:
        if job := super().get_object(request, *args, **kwargs):
            job.read_by = f"admin:{request.user}"
        return job

    @display(description=_("asked for"))
    def wanted(self, job: Job) -> str:
        return pairs(job.params)

    @display(description=_("what came of it"))
    def came(self, job: Job) -> str:
        return pairs(job.result)

    @display(description=_("file"))
    def file(self, job: Job) -> SafeString | str:
        mine = job.kind in DOWNLOADS and job.state == Job.State.DONE and job.actor == getattr(job, "read_by", "")
        if not mine:
            return "–"
        where = reverse(DOWNLOADS[job.kind], args=[job.pk])
        return format_html(
            '<button type="submit" formaction="{}" formmethod="post" class="h-link cursor-pointer">{}</button>',
            where,
            _("Download"),
        )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["subject", "wanted", "asked_by", "asked_at", "stands", "decided_by", "decided_at"]
    list_filter = ["state"]
    fields = ["subject", "wanted", "asked_by", "asked_at", "stands", "decided_by", "decided_at"]
    readonly_fields = fields
    ordering = ["-id"]
    actions = ["approve", "refuse"]

    @display(description=_("state"), ordering="state")
    def stands(self, approval: Approval) -> SafeString:
        colours = {"open": "warning", "approved": "success", "refused": "danger"}
        return badge(approval.get_state_display(), colours[approval.state])

    @display(description=_("asked for"))
    def wanted(self, approval: Approval) -> str:
        return pairs(approval.detail)

    @admin.action(description=_("Approve"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        self._decide(request, queryset, approve=True)

    @admin.action(description=_("Refuse"), permissions=["decide"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        self._decide(request, queryset, approve=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Approval], *, approve: bool) -> None:
        for pk in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                approvals.decide(pk, approve=approve, actor=f"admin:{request.user}", now=clock.now())
            except approvals.NotDecided as error:
                self.message_user(request, str(error), messages.ERROR)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ground.change_approval")
