"""What runs by itself and what it needs people for: alarms, schedules and their slots, the audit trail."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground import alarms, audit, clock
from config.ground.admin.shown import Named, in_words, pairs, word
from config.ground.models import Alarm, AuditRow, Schedule, Slot
from config.ground.readonly import ReadOnlyAdmin, badge

# What a slot enrolled, and what people and the service did; an action that is not here is shown as it is written.
RESULTS = {"treated": _("treated"), "held_out": _("held out")}
ACTIONS = {
    "account.create": _("provider account made"),
    "account.start": _("provider account started"),
    "account.stop": _("provider account stopped"),
    "alarm.close": _("alarm closed"),
    "api_key.created": _("API key made"),
    "api_key.replaced": _("API key replaced"),
    "api_key.revoked": _("API key revoked"),
    "api_key.secret_issued": _("signing secret issued"),
    "api_key.signing": _("signing of an API key changed"),
    "attribute.change": _("attribute changed"),
    "attribute.declare": _("attribute declared"),
    "brand.changed": _("brand changed"),
    "candidate.dismissed": _("two members kept apart"),
    "candidate.joined": _("two members joined"),
    "clock.release": _("clock released"),
    "clock.stand": _("clock set"),
    "consent.recorded": _("consent recorded by hand"),
    "demo.walked": _("demonstration walked"),
    "event_type.declared": _("event type declared"),
    "group.added": _("group made"),
    "group.changed": _("group changed"),
    "group.deleted": _("group deleted"),
    "identity.revealed": _("identity shown in the clear"),
    "identity_rule.removed": _("identity rule removed"),
    "segment.saved": _("segment saved"),
    "segment.removed": _("segment removed"),
    "segment.put": _("members put on a fixed list"),
    "segment.take": _("members taken off a fixed list"),
    "tag_rule.saved": _("tag rule saved"),
    "tag_rule.removed": _("tag rule removed"),
    "member.tagged": _("member tagged"),
    "identity_rule.saved": _("identity rule changed"),
    "import.receive": _("file given"),
    "import.rejects": _("rejected rows downloaded"),
    "import.start": _("import started"),
    "ingest_call.read": _("raw body of a call read"),
    "job.file_fetched": _("file of a job fetched"),
    "journey.archived": _("journey archived"),
    "journey.drained": _("journey drained"),
    "journey.live": _("journey resumed"),
    "journey.load": _("journey loaded"),
    "journey.paused": _("journey paused"),
    "journey.publish": _("journey published"),
    "keys.rotated": _("keys changed"),
    "login.locked": _("log-in locked"),
    "member.described": _("member described"),
    "member.erased": _("member erased"),
    "member.erasure_asked": _("erasure asked for"),
    "member.export_asked": _("export asked for"),
    "approval.approved": _("approved"),
    "approval.refused": _("not approved"),
    "member.export_list_asked": _("export of a list of members asked for"),
    "member.exported": _("members exported"),
    "member.merge": _("members merged"),
    "member.not_theirs": _("another source's member asked for"),
    "member.unmerge": _("merge undone"),
    "retention.swept": _("what is not kept deleted"),
    "source.third_party": _("source marked as a third party"),
    "source.trusted": _("trust of a source changed"),
    "template.publish": _("template published"),
    "template.start": _("template started again"),
    "user.added": _("user made"),
    "user.changed": _("user changed"),
    "user.deleted": _("user deleted"),
}

# What rows tell besides; a table's name is called as the table is, and what is not here stands as it is written.
TOLD = {
    "actor": _("by"),
    "address": _("address"),
    "after": _("after"),
    "asked_by": _("asked by"),
    "before": _("before"),
    "cause": _("cause"),
    "counts": _("rows"),
    "drop": _("merged away"),
    "dry_run": _("trial"),
    "file": _("file"),
    "history": _("history only"),
    "identity": _("identity"),
    "joined": _("joined"),
    "kind": _("kind"),
    "members": _("members"),
    "merge": _("merge"),
    "personal": _("personal"),
    "reason": _("reason"),
    "rows": _("rows"),
    "signing": _("signing"),
    "source": _("source"),
    "timezone": _("time zone"),
    "until": _("until"),
}


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ["subject", "text", "count", "first_at", "last_at", "state"]
    fields = ["subject", "text", "count", "first_at", "last_at", "closed_at"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["subject"]
    ordering = ["-last_at"]
    actions = ["close"]

    @display(description=_("detail"))
    def text(self, alarm: Alarm) -> str:
        return alarm.text

    @display(description=_("state"))
    def state(self, alarm: Alarm) -> SafeString:
        # "Closed" is a text of its own: "closed" heads a column of instants, which has another word in Chinese.
        return badge(_("open"), "danger") if alarm.closed_at is None else badge(_("Closed"), "success")

    @admin.action(description=_("Close the selected alarms"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        now = clock.now()
        with transaction.atomic():
            for alarm in queryset.filter(closed_at=None):
                alarms.close(alarm.subject, now=now)
                audit.note(f"admin:{request.user}", "alarm.close", alarm.subject, now=now)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ground.change_alarm")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ["key", "cron", "timezone", "misfire", "next_at", "paused"]
    list_filter = ["paused"]
    search_fields = ["key"]


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    list_display = ["schedule", "at", "outcome", "taken_at", "came"]
    fields = ["schedule", "at", "outcome", "taken_at", "came"]
    readonly_fields = ["came"]
    list_filter = ["outcome", "schedule"]
    list_select_related = ["schedule"]
    ordering = ["-at"]

    @display(description=_("what came of it"))
    def came(self, slot: Slot) -> str:
        return pairs(slot.result, RESULTS)


@admin.register(AuditRow)
class AuditAdmin(Named, ReadOnlyAdmin):
    list_display = ["at", "recorded_at", "actor", "verb", "subject", "more"]
    fields = ["at", "recorded_at", "actor", "verb", "subject", "more"]
    readonly_fields = ["recorded_at", "verb", "more"]
    search_fields = ["=actor", "=action", "subject"]
    list_filter = [in_words("action", ACTIONS)]
    ordering = ["-id"]  # as they were written: `at` may be the time of a replay

    def named(self, row: AuditRow) -> str:
        return f"{self.verb(row)} · {row.subject}"

    @display(description=_("action"), ordering="action")
    def verb(self, row: AuditRow) -> str:
        return word(ACTIONS, row.action)

    @display(description=_("detail"))
    def more(self, row: AuditRow) -> str:
        return pairs(row.detail, TOLD)
