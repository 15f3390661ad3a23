from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation.models import Enrolment, StepRun
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge
from connectors import reasons
from connectors.models import Message
from connectors.models.message import Delivery

COLOURS = {"open": "info", "done": "success", "exited": "warning", "failed": "danger", "held_out": ""}


class StepRunInline(ReadOnlyInline):
    model = StepRun
    fields = ["step", "visit", "at", "outcome", "fate"]
    readonly_fields = ["fate"]
    ordering = ["id"]
    show_change_link = False

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
class EnrolmentAdmin(ReadOnlyAdmin):
    list_display = ["member", "journey", "number", "status", "step", "due_at", "enrolled_at", "closed_at", "reason"]
    list_display_links = ["member"]
    list_filter = ["journey", "state"]
    list_select_related = ["member", "journey", "version"]
    search_fields = ["=member__id"]
    search_help_text = _("member number")
    ordering = ["-id"]
    inlines = [StepRunInline]

    @display(description=_("state"), ordering="state")
    def status(self, enrolment: Enrolment) -> SafeString:
        return badge(enrolment.get_state_display(), COLOURS.get(enrolment.state))

    @display(description=_("version"))
    def number(self, enrolment: Enrolment) -> str:
        return f"@{enrolment.version.number}"
