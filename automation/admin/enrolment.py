from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation.models import Enrolment, StepRun
from config.ground.admin.shown import Named, word
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge
from connectors import reasons
from connectors.models import Message
from connectors.models.message import Delivery

OUTCOMES = {
    "enqueued": _("message handed over"),
    "granted": _("points granted"),
    "waited": _("waited"),
    "late": _("came too late"),
    "ended": _("way ended"),
    "end": _("way ended"),
    "next": _("went on"),
}
REASONS = {
    "goal": _("goal met"),
    "exit": _("exit met"),
    "not_judged": _("refuses to be judged by what is known"),
    "merged": _("went on as another member, merged with this one"),
    "erased": _("erased"),
}
COLOURS = {"open": "info", "done": "success", "exited": "warning", "failed": "danger", "held_out": ""}


class StepRunInline(ReadOnlyInline):
    model = StepRun
    hide_title = True
    fields = ["step", "visit", "at", "came", "fate"]
    readonly_fields = ["came", "fate"]
    ordering = ["id"]
    show_change_link = False

    @display(description=_("outcome"))
    def came(self, run: StepRun) -> str:
        """A word for what each step may do; a branch says the step that it led to."""
        return word(OUTCOMES, run.outcome)

    @display(description=_("message"))
    def fate(self, run: StepRun) -> SafeString | str:
        """What became of the message of this step, and why: what a manager asks first."""
        message = Message.objects.filter(pk=run.message).first() if run.message else None
        if not message:
            return "–"
        parts = [message.get_state_display(), reasons.label(message.reason)]
        if message.delivery != Delivery.NONE:
            parts.insert(1, message.get_delivery_display())
        link = reverse("admin:connectors_message_change", args=[message.pk])
        return format_html('<a href="{}">{}</a>', link, " · ".join(str(part) for part in parts if part))


@admin.register(Enrolment)
class EnrolmentAdmin(Named, ReadOnlyAdmin):
    list_display = ["member", "journey", "number", "status", "step", "due_at", "entered", "closed_at", "why"]
    list_display_links = ["member"]
    list_filter = ["journey", "state"]
    list_select_related = ["member", "journey", "version"]
    search_fields = ["=member__id"]
    search_help_text = _("member number")
    ordering = ["-id"]
    fields = [
        ("member", "status"),
        ("journey", "number"),
        ("step", "due_at"),
        ("entered", "closes_at"),
        ("closed_at", "why"),
    ]
    readonly_fields = ["status", "number", "entered", "why"]
    inlines = [StepRunInline]

    def named(self, row: Enrolment) -> str:
        return f"{row.journey} · {row.member}"

    @display(description=_("state"), ordering="state")
    def status(self, enrolment: Enrolment) -> SafeString:
        return badge(enrolment.get_state_display(), COLOURS.get(enrolment.state))

    @display(description=_("version"))
    def number(self, enrolment: Enrolment) -> str:
        return f"@{enrolment.version.number}"

    @display(description=_("enrolled at"), ordering="enrolled_at")
    def entered(self, enrolment: Enrolment) -> str:
        return date_format(localtime(enrolment.enrolled_at), "SHORT_DATETIME_FORMAT")

    @display(description=_("reason"), ordering="reason")
    def why(self, enrolment: Enrolment) -> str:
        return word(REASONS, enrolment.reason)
