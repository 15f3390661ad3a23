"""The member page: what every room holds on one member, on one page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation.models import Enrolment
from cdp.admin import MemberAdmin
from cdp.admin.shown import when
from cdp.admin.words import CHANNELS
from cdp.models import Event, EventType, Member
from config.ground.admin import shown
from config.ground.readonly import ReadOnlyInline
from config.site.events import show
from connectors import reasons
from connectors.models import Message
from loyalty.models import PointsAccount

EVENTS = 20  # the latest that the page lists


class EnrolmentInline(ReadOnlyInline):
    model = Enrolment
    tab = True
    hide_title = True
    fields = readonly_fields = ["journey", "number", "state", "step", "entered", "closes_at"]
    ordering = ["-enrolled_at"]
    per_page = 10

    @display(description=_("version"))
    def number(self, enrolment: Enrolment) -> str:
        return f"@{enrolment.version.number}"

    @display(description=_("enrolled at"))
    def entered(self, enrolment: Enrolment) -> str:
        return when(enrolment.enrolled_at)


class MessageInline(ReadOnlyInline):
    model = Message
    tab = True
    hide_title = True
    fields = readonly_fields = ["created_at", "template", "by", "state", "delivery", "why", "on_account"]
    ordering = ["-created_at"]
    per_page = 10

    @display(description=_("reason"))
    def why(self, message: Message) -> str:
        return reasons.label(message.reason) or "–"

    @display(description=_("channel"))
    def by(self, message: Message) -> str:
        return shown.word(CHANNELS, message.channel)

    @display(description=_("origin"))
    def on_account(self, message: Message) -> str:
        return shown.origin(message.origin)


class PointsInline(ReadOnlyInline):
    model = PointsAccount
    tab = True
    hide_title = True
    fields = readonly_fields = ["programme", "avail", "pend", "held", "debt"]


admin.site.unregister(Member)


@admin.register(Member)
class MemberPage(MemberAdmin):
    inlines = [*MemberAdmin.inlines, EnrolmentInline, MessageInline, PointsInline]
    change_form_after_template = "home/events.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        member = kwargs.get("obj")
        latest = Event.objects.filter(member=member).select_related("source").order_by("-occurred_at")[:EVENTS]
        labels = dict(EventType.objects.values_list("code", "label"))
        context["events"] = [show(event, labels) for event in latest]
        return super().render_change_form(request, context, *args, **kwargs)
