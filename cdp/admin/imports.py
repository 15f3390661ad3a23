"""A file comes in from the admin, step by step: give it, say which column is which, try it, bring it in; the report stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from cdp import imports
from cdp.admin.import_forms import ColumnsForm, FileForm, sources
from cdp.admin.quality_words import reason_label
from cdp.admin.shown import when
from cdp.admin.words import IMPORTS
from cdp.errors import Unreadable
from cdp.ingest.files import telling
from cdp.models import FileImport
from config.ground import clock, jobs
from config.ground.admin.jobs import COLOURS
from config.ground.models import Job
from config.ground.readonly import ReadOnlyAdmin, badge

STEPS = (
    gettext_lazy("Give the file"),
    gettext_lazy("Match the columns"),
    gettext_lazy("Try it"),
    gettext_lazy("Bring it in"),
)
Under = Job.UNDER_WAY


@admin.register(FileImport)
class FileImportAdmin(ReadOnlyAdmin):
    list_display = ["called", "holds", "source", "step", "stands", "brought", "actor", "given"]
    list_display_links = ["called"]
    list_filter = ["state"]
    list_fullwidth = True
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FileImport]:
        return super().get_queryset(request).filter(kind__in=(imports.LOOK, imports.IMPORT))

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("cdp.add_fileimport")

    def get_urls(self) -> list[Any]:
        wrap: Callable[..., Any] = self.admin_site.admin_view
        taken = path("<int:pk>/rejects/", wrap(self.rejects_view), name="cdp_fileimport_rejects")
        return [taken, *super().get_urls()]

    @display(description=gettext_lazy("file"))
    def called(self, job: FileImport) -> str:
        return str(job.params["name"])

    @display(description=gettext_lazy("what the file holds"))
    def holds(self, job: FileImport) -> str:
        return str(IMPORTS[job.params["kind"]])

    @display(description=gettext_lazy("data source"))
    def source(self, job: FileImport) -> str:
        return str(job.params["source"])

    @display(description=gettext_lazy("given on"), ordering="asked_at")
    def given(self, job: FileImport) -> str:
        return when(job.asked_at)

    @display(description=gettext_lazy("step of the import"))
    def step(self, job: FileImport) -> str:
        return str(STEPS[_step(job)])

    @display(description=gettext_lazy("state"), ordering="state")
    def stands(self, job: FileImport) -> SafeString:
        return badge(job.get_state_display(), COLOURS[job.state])

    @display(description=gettext_lazy("stored / rejected"))
    def brought(self, job: FileImport) -> str:
        return f"{job.result['stored']:,} / {job.result['rejected']:,}" if "stored" in job.result else "–"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = FileForm(request.POST or None, request.FILES or None, initial=_options(request))
        if request.method == "POST" and (answer := self._receive(request, form)):
            return answer
        lists = {
            "sources": sources(),
            "zones": ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Tokyo", "UTC", "America/New_York"),
        }
        return self._page(request, "imports/give.html", 0, {"form": form, **lists})

    def _receive(self, request: HttpRequest, form: FileForm) -> HttpResponse | None:
        if form.is_valid():
            form.refuse_file(getattr(request, "upload_too_large", False))
        if not form.is_valid():
            return None
        file: Any = request.FILES["file"]
        job, new = imports.receive(file, file.name, form.wish(), actor=f"admin:{request.user}", now=clock.now())
        if not new:
            messages.info(
                request, _("This very file was given before with the same options; here is what became of it.")
            )
        return HttpResponseRedirect(_page(job))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        if job is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return self._match(request, job) if job.kind == imports.LOOK else self._report(request, job)

    def _match(self, request: HttpRequest, job: Job) -> HttpResponse:
        """The columns of a file that was looked at."""
        if job.state != Job.State.DONE:
            return self._page(request, "imports/report.html", 1, {"job": job, "waiting": job.state in Under})
        try:
            sample = imports.sample(job)
        except Unreadable as problem:
            return self._page(request, "imports/report.html", 1, {"job": job, "problem": str(problem)})
        form = ColumnsForm(job.params["kind"], sample, _said_before(job), request.POST or None)
        if request.method == "POST":
            if not self.has_add_permission(request):
                raise PermissionDenied
            if form.is_valid() and (answer := self._start(request, job, form)):
                return answer
        return self._page(request, "imports/match.html", 1, {"job": job, "form": form, "rows": job.result["rows"]})

    def _start(self, request: HttpRequest, look: Job, form: ColumnsForm) -> HttpResponse | None:
        try:
            return self._bring(request, look, form.said(), dry_run=True, again=True)
        except Unreadable as problem:
            form.add_error(None, str(problem))
        return None

    def _bring(self, request: HttpRequest, look: Job, said: Any, *, dry_run: bool, again: bool) -> HttpResponse:
        actor, now = f"admin:{request.user}", clock.now()
        job, new = imports.bring(look, said, dry_run=dry_run, again=again, actor=actor, now=now)
        if not new:
            messages.info(request, _("This very file was brought in before with the same columns; here is its report."))
        return HttpResponseRedirect(_page(job))

    def _report(self, request: HttpRequest, job: Job) -> HttpResponse:
        look = FileImport.objects.filter(pk=job.params["look"]).first()
        if request.method == "POST" and look:
            if not self.has_add_permission(request):
                raise PermissionDenied
            said = {name: job.params[name] for name in ("columns", "without", "constants")}
            try:
                return self._bring(request, look, said, dry_run=False, again="again" in request.POST)
            except Unreadable as problem:
                messages.error(request, str(problem))
                return HttpResponseRedirect(_page(job))
        return self._page(request, "imports/report.html", _step(job), {"job": job, "look": look} | _told(request, job))

    def rejects_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        job = FileImport.objects.filter(pk=pk, kind=imports.IMPORT).first()
        if not request.user.has_perm("cdp.download_rejects"):
            raise PermissionDenied
        file = job and imports.rejects(job, actor=f"admin:{request.user}", now=clock.now())
        if not file:
            raise Http404
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        answer = StreamingHttpResponse(jobs.read_file(file), content_type="text/csv; charset=utf-8", headers=headers)
        answer.headers["Content-Disposition"] = _attachment(file.name)
        return answer

    def _page(self, request: HttpRequest, template: str, step: int, context: dict[str, Any]) -> HttpResponse:
        steps = [(name, "done" if n < step else "here" if n == step else "") for n, name in enumerate(STEPS)]
        about: dict[str, Any] = {"opts": self.opts, "steps": steps, "title": _("Import a file"), "step": step}
        about["may_add"] = self.has_add_permission(request)
        return render(request, template, self.admin_site.each_context(request) | about | context)


def _step(job: Job) -> int:
    return 1 if job.kind == imports.LOOK else 2 if job.params["dry_run"] else 3


def _page(job: Job) -> str:
    return reverse("admin:cdp_fileimport_change", args=[job.pk])


def _attachment(name: str) -> str:
    return f"attachment; filename=\"rejects.csv\"; filename*=UTF-8''{quote(name)}"


def _options(request: HttpRequest) -> dict[str, Any]:
    """As an earlier import had them (`?after=`), for a mended file; else the brand's zone."""
    asked = request.GET.get("after", "")
    job = (
        FileImport.objects.filter(pk=int(asked)).first()
        if asked.isascii() and asked.isdigit() and len(asked) < 19
        else None
    )
    if job is None or job.kind not in (imports.LOOK, imports.IMPORT):
        return {"timezone": str(clock.zone())}
    return {name: job.params[name] for name in ("kind", "source", "timezone", "history", "drop_repeated")}


def _said_before(look: Job) -> dict[str, Any] | None:
    """How the columns were matched the last time: of this file, else of the last of the same kind and source whose columns
    were all among these.
    """
    earlier = Job.objects.filter(
        kind=imports.IMPORT, params__kind=look.params["kind"], params__source=look.params["source"]
    ).order_by("-pk")
    columns = set(imports.sample(look).columns)
    for job in [*earlier.filter(params__look=look.pk)[:1], *earlier[:5]]:
        if {*job.params["columns"].values(), *job.params["without"]} <= columns:
            return {name: job.params[name] for name in ("columns", "without", "constants")}
    return None


def _told(request: HttpRequest, job: Job) -> dict[str, Any]:
    """What the page of an import says: the same as the command."""
    if job.state != Job.State.DONE:
        done = f"{job.done:,}" if job.total is None else f"{job.done:,} / {job.total:,}"
        share = min(100, 100 * job.done // job.total) if job.total else 0
        return {"waiting": job.state in Under, "done": done, "share": share}
    told = job.result
    kept = job.files.filter(role=imports.REJECTS).first()
    return {
        "told": told,
        "sentences": list(telling.sentences(told)),
        "first": sorted(told["first"], key=lambda one: one["line"]),
        "reasons": [(reason_label(code), code, count) for code, count in sorted(told["reasons"].items())],
        "rejects": kept if request.user.has_perm("cdp.download_rejects") else None,
        "resumed": job.tries > 1,
    }
