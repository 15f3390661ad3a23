from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation.models import Enrolment, StepRun
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge

COLOURS = {"open": "info", "done": "success", "exited": "warning", "failed": "danger", "held_out": ""}


class StepRunInline(ReadOnlyInline):
    model = StepRun
    fields = ["step", "visit", "at", "outcome", "message"]
    ordering = ["id"]
    show_change_link = False


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
