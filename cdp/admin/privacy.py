"""What a member may ask of us, on one page: what they said and when, all that is held on them, and to be forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cdp import consents, erasure, exporting
from cdp.admin.shown import when
from cdp.admin.words import CHANNELS, PURPOSES
from cdp.errors import WordRefused
from cdp.models import Consent, ConsentRecord, ErasureReceipt, Member, Source
from cdp.models.consent import WITHOUT_CHANNEL, Channel, Purpose, State
from cdp.models.privacy import Reason
from config.ground import clock
from config.ground.admin.jobs import COLOURS
from config.ground.admin.shown import word
from config.ground.api.jobs import fetched
from config.ground.models import Job, JobFile
from config.ground.readonly import ReadOnlyAdmin, badge

SAY, EXPORT, ERASE = "cdp.add_consentrecord", "cdp.export_member", "cdp.add_erasurereceipt"
SHOWN = 200  # words and jobs of one member; nobody says more
TOLD_BY = {
    "admin": _("recorded by hand"),
    "reply": _("reply to a message"),
    "provider": _("provider's opt-out list"),
    "erasure": _("erasure"),
}
STATES = {State.GRANTED.value: "success", State.WITHDRAWN.value: "danger"}


class WordForm(forms.Form):
    purpose = forms.ChoiceField(label=_("purpose"), choices=Purpose.choices, widget=UnfoldAdminSelectWidget)
    channel = forms.ChoiceField(label=_("channel"), choices=Channel.choices, widget=UnfoldAdminSelectWidget)
    state = forms.ChoiceField(
        label=_("what was said"), choices=State.choices, initial=State.WITHDRAWN, widget=UnfoldAdminSelectWidget
    )
    evidence = forms.CharField(
        label=_("evidence"),
        min_length=4,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where it was said and where that can be seen, like a letter of 3 March in folder 12."),
    )
    guardian = forms.CharField(
        label=_("guardian"),
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Below fourteen a guardian consents: who, and how we know."),
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("purpose") in WITHOUT_CHANNEL:
            said["channel"] = Channel.ANY.value  # it has no channel of its own
        return said


class EraseForm(forms.Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=Reason.choices, widget=UnfoldAdminSelectWidget)
    number = forms.CharField(
        label=_("Type the member's number to confirm"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, member: Member, data: Any = None) -> None:
        super().__init__(data, prefix="erase")
        self.member = member

    def clean_number(self) -> str:
        number: str = self.cleaned_data["number"]
        if number.strip().lstrip("#") != str(self.member.pk):
            raise forms.ValidationError(gettext("This is not the number of this member."))
        return number


class Privacy:
    """For the page of a member: what it says of consent, and the way to the rest."""

    admin_site: admin.AdminSite

    @display(description=_("judged by what is known"))
    def judging(self, member: Member) -> SafeString:
        if member.erased_at:
            return badge(_("erased: nothing personal is held"), "danger")
        if consents.refusing_profiling([member.pk]):
            return badge(_("refuses it: no stage, no value tier, no figures are kept"), "warning")
        return badge(_("yes"), "success")

    @display(description=_("consents, export, erasure"))
    def rights(self, member: Member) -> SafeString:
        where = reverse("admin:cdp_member_privacy", args=[member.pk])
        return format_html('<a class="h-link" href="{}">{}</a>', where, _("Privacy of this member"))

    def get_urls(self) -> list[URLPattern]:
        page, file = self.admin_site.admin_view(self.privacy), self.admin_site.admin_view(self.export_file)
        own = [
            path("<int:member>/privacy/", page, name="cdp_member_privacy"),
            path("<int:member>/privacy/exports/<int:job>/", file, name="cdp_member_export_file"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def privacy(self, request: HttpRequest, member: int) -> HttpResponse:
        found = get_object_or_404(Member, pk=member)
        if not request.user.has_perm("cdp.view_member"):
            raise PermissionDenied
        doing = request.POST.get("do", "")
        say = WordForm(request.POST if doing == "say" else None)
        erase = EraseForm(found, request.POST if doing == "erase" else None)
        verbs = {"say": (SAY, _say, say), "export": (EXPORT, _export, None), "erase": (ERASE, _erase, erase)}
        if doing in verbs and not found.erased_at:
            permission, verb, form = verbs[doing]
            if not request.user.has_perm(permission):
                raise PermissionDenied
            if verb(request, found, form):
                return HttpResponseRedirect(reverse("admin:cdp_member_privacy", args=[member]))
        context = {**self.admin_site.each_context(request), **_shown(request, found), "say": say, "erase": erase}
        return TemplateResponse(request, "cdp/privacy.html", context)

    def export_file(self, request: HttpRequest, member: int, job: int) -> HttpResponseBase:
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        file = JobFile.objects.filter(job=job, job__kind=exporting.KIND, job__params__member=member).first()
        if file is None or request.method != "POST":
            raise Http404
        return fetched(file, actor=_who(request), now=clock.now())


def _shown(request: HttpRequest, member: Member) -> dict[str, Any]:
    receipt = ErasureReceipt.objects.filter(member=member).first()
    told_by = {source.code: source.name for source in Source.objects.all()} | TOLD_BY
    words = ConsentRecord.objects.filter(member=member).order_by("-recorded_at", "-pk")[:SHOWN]
    jobs = Job.objects.filter(params__member=member.pk, kind__in=(exporting.KIND, erasure.KIND))
    return {
        "title": gettext("Privacy"),
        "subtitle": str(member),
        "member": member,
        "receipt": receipt,
        "rows": counted(receipt.counts) if receipt else "",
        "refuses": bool(consents.refusing_profiling([member.pk])),
        "in_force": [_force(consent) for consent in _holding(member.consents.order_by("purpose", "channel"))],
        "words": [_word(record, told_by) for record in words],
        "jobs": [_job(job) for job in jobs.prefetch_related("files").order_by("-pk")[:SHOWN]],
        "may": {name: request.user.has_perm(p) for name, p in (("say", SAY), ("export", EXPORT), ("erase", ERASE))},
        "forms": list(exporting.FORMS),
    }


def _holding(said: Iterable[Consent]) -> list[Consent]:
    """Without the grants of a channel that a withdrawal for all of them has overtaken."""
    latest = list(said)
    nowhere = {c.purpose for c in latest if c.channel == Channel.ANY and c.state == State.WITHDRAWN}
    return [c for c in latest if c.state == State.WITHDRAWN or c.purpose not in nowhere]


def _force(consent: Consent) -> dict[str, Any]:
    return {
        "purpose": word(PURPOSES, consent.purpose),
        "channel": word(CHANNELS, consent.channel),
        "state": badge(consent.get_state_display(), STATES[consent.state]),
        "at": when(consent.at),
    }


def _word(record: ConsentRecord, told_by: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": when(record.at),
        "recorded": when(record.recorded_at),
        "purpose": word(PURPOSES, record.purpose),
        "channel": word(CHANNELS, record.channel),
        "state": badge(record.get_state_display(), STATES[record.state]),
        "by": word(told_by, record.source),
        "wording": record.wording or "–",
        "evidence": record.evidence or "–",
        "guardian": record.guardian,
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "what": _("Export (%(form)s)") % {"form": job.params["form"].upper()}
        if job.kind == exporting.KIND
        else _("Erasure"),
        "state": badge(job.get_state_display(), COLOURS[job.state]),
        "actor": job.actor,
        "asked": when(job.asked_at),
        "reason": job.reason,
        "file": job.kind == exporting.KIND and job.state == Job.State.DONE and bool(job.files.all()),
    }


def _say(request: HttpRequest, member: Member, form: Any) -> bool:
    if not form.is_valid():
        return False
    said = form.cleaned_data
    now = clock.now()
    spoken = consents.Said(
        member.pk, said["channel"], said["purpose"], said["state"], now, said["evidence"], "admin", "", said["guardian"]
    )
    try:
        consents.record(spoken, actor=_who(request), now=now)
    except WordRefused as refusal:
        form.add_error("guardian", str(refusal))
        return False
    messages.success(request, gettext("It is recorded, and holds for whatever is not on its way yet."))
    return True


def _export(request: HttpRequest, member: Member, form: Any) -> bool:
    form = request.POST.get("form", "")
    if form not in exporting.FORMS:
        return False
    exporting.ask(member.pk, form=form, actor=_who(request), now=clock.now())
    messages.success(request, gettext("The export is being made; it stands here when it is ready."))
    return True


def _erase(request: HttpRequest, member: Member, form: Any) -> bool:
    if not form.is_valid():
        return False
    erasure.ask(member.pk, reason=form.cleaned_data["reason"], actor=_who(request), now=clock.now())
    messages.warning(request, gettext("The member is being erased. A receipt stands here when it is done."))
    return True


def _who(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"


@admin.register(ErasureReceipt)
class ErasureReceiptAdmin(ReadOnlyAdmin):
    """The proofs: who was erased, when, why and by whom, and how many rows of what."""

    list_display = ["who", "reason", "actor", "asked_at", "done_at"]
    list_filter = ["reason"]
    search_fields = ["=member__id"]
    search_help_text = _("member number")
    ordering = ["-pk"]
    fields = ["who", "reason", "actor", "asked_at", "done_at", "rows"]
    readonly_fields = ["who", "rows"]

    @display(description=_("member"), ordering="member")
    def who(self, receipt: ErasureReceipt) -> str:
        return f"#{receipt.member_id}"

    @display(description=_("rows of each table"))
    def rows(self, receipt: ErasureReceipt) -> str:
        return counted(receipt.counts)


def counted(counts: dict[str, int]) -> str:
    """`cdp.Identity` -> what people call it, and how many."""
    names = {model._meta.label: model._meta.verbose_name_plural for model in apps.get_models()}
    return " · ".join(f"{names.get(label, label)}: {count}" for label, count in counts.items()) or "–"
