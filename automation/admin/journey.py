from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation import files, publishing
from automation.errors import JourneyRefused
from automation.models import Journey, JourneyVersion
from cdp import conditions
from cdp.errors import InvalidCondition
from config.ground import clock
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge

COLOURS = {"draft": "info", "live": "success", "paused": "warning", "drained": "warning", "archived": "danger"}


def in_words(condition: dict | None, *, event: bool = False) -> str:
    """A condition that asks for what is no longer known is shown by what is wrong with it."""
    if not condition:
        return "–"
    try:
        return conditions.sentence(conditions.parse(condition, event=event))
    except InvalidCondition as error:
        return str(error)


def trigger_in_words(document: dict) -> str:
    match document.get("trigger"):
        case {"schedule": {"cron": cron, "timezone": zone}}:
            return gettext("by the schedule %(cron)s (%(zone)s)") % {"cron": cron, "zone": zone}
        case {"event": {"type": type, "where": where}}:
            words = {"type": type, "where": in_words(where, event=True)}
            return gettext("at each event %(type)s where %(where)s") % words
        case {"event": {"type": type}}:
            return gettext("at each event %(type)s") % {"type": type}
    return "–"


def as_text(document: dict) -> SafeString | str:
    style = "white-space: pre-wrap; font-family: monospace"
    return format_html('<div style="{}">{}</div>', style, files.write(document)) if document else "–"


class VersionInline(ReadOnlyInline):
    model = JourneyVersion
    fields = ["number", "published_at", "published_by"]
    ordering = ["-number"]


@admin.register(Journey)
class JourneyAdmin(ReadOnlyAdmin):
    list_display = ["title", "key", "status", "version", "who", "priority", "treated", "held_out", "under_way"]
    list_filter = ["state"]
    list_select_related = ["live__journey"]
    search_fields = ["key", "name"]
    ordering = ["-priority", "key"]
    fields = ["title", "key", "status", "priority", "live", "begins", "who", "leaves", "content"]
    readonly_fields = ["title", "status", "begins", "who", "leaves", "content"]
    inlines = [VersionInline]
    actions = ["pause", "resume", "drain", "archive"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Journey]:
        held_out, is_open = Q(enrolments__state="held_out"), Q(enrolments__state="open")
        return (
            super()
            .get_queryset(request)
            .annotate(
                treated_count=Count("enrolments", filter=~held_out),
                held_out_count=Count("enrolments", filter=held_out),
                open_count=Count("enrolments", filter=is_open),
            )
        )

    @display(description=_("name"))
    def title(self, journey: Journey) -> str:
        return str(journey)

    @display(description=_("state"), ordering="state")
    def status(self, journey: Journey) -> SafeString:
        return badge(journey.get_state_display(), COLOURS.get(journey.state))

    @display(description=_("version"))
    def version(self, journey: Journey) -> str:
        return f"@{journey.live.number}" if journey.live else "–"

    @display(description=_("when it is entered"))
    def begins(self, journey: Journey) -> str:
        return trigger_in_words(self._document(journey))

    @display(description=_("who enters"))
    def who(self, journey: Journey) -> str:
        return in_words(self._document(journey).get("entry"))

    @display(description=_("who leaves early"))
    def leaves(self, journey: Journey) -> str:
        return in_words(self._document(journey).get("exit"))

    @display(description=_("document"))
    def content(self, journey: Journey) -> SafeString | str:
        return as_text(self._document(journey))

    @display(description=_("enrolled"), ordering="treated_count")
    def treated(self, journey: Journey) -> int:
        return journey.treated_count  # type: ignore[attr-defined]  # annotated above

    @display(description=_("held out"), ordering="held_out_count")
    def held_out(self, journey: Journey) -> int:
        return journey.held_out_count  # type: ignore[attr-defined]

    @display(description=_("under way"), ordering="open_count")
    def under_way(self, journey: Journey) -> int:
        return journey.open_count  # type: ignore[attr-defined]

    def _document(self, journey: Journey) -> dict:
        return journey.live.document if journey.live else journey.draft

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("automation.change_journey")

    @admin.action(description=_("Pause: nobody enters, nobody moves"), permissions=["operate"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Journey]) -> None:
        self._each(request, chosen, publishing.pause)

    @admin.action(description=_("Resume"), permissions=["operate"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Journey]) -> None:
        self._each(request, chosen, publishing.resume)

    @admin.action(description=_("Drain: nobody enters, those inside go on"), permissions=["operate"])
    def drain(self, request: HttpRequest, chosen: QuerySet[Journey]) -> None:
        self._each(request, chosen, publishing.drain)

    @admin.action(description=_("Archive for good"), permissions=["operate"])
    def archive(self, request: HttpRequest, chosen: QuerySet[Journey]) -> None:
        self._each(request, chosen, publishing.archive)

    def _each(self, request: HttpRequest, chosen: QuerySet[Journey], verb: Callable[..., None]) -> None:
        for journey in Journey.objects.filter(pk__in=chosen.values_list("pk", flat=True)).order_by("key"):
            try:
                verb(journey, by=f"admin:{request.user.get_username()}", now=clock.now())
            except JourneyRefused as refusal:
                self.message_user(request, f"{journey}: {refusal}", messages.ERROR)
            else:
                journey.refresh_from_db()
                said = gettext("%(journey)s is now: %(state)s")
                self.message_user(request, said % {"journey": journey, "state": journey.get_state_display()})


@admin.register(JourneyVersion)
class JourneyVersionAdmin(ReadOnlyAdmin):
    list_display = ["origin", "published_at", "published_by"]
    list_filter = ["journey"]
    list_select_related = ["journey"]
    ordering = ["-id"]
    fields = ["journey", "number", "published_at", "published_by", "begins", "who", "content"]
    readonly_fields = ["begins", "who", "content"]

    @display(description=_("when it is entered"))
    def begins(self, version: JourneyVersion) -> str:
        return trigger_in_words(version.document)

    @display(description=_("who enters"))
    def who(self, version: JourneyVersion) -> str:
        return in_words(version.document.get("entry"))

    @display(description=_("document"))
    def content(self, version: JourneyVersion) -> SafeString | str:
        return as_text(version.document)
