"""What runs by itself and what it needs people for: the brand, alarms, schedules and their slots, the audit trail."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground import alarms, audit, clock
from config.ground.models import Alarm, AuditRow, Brand, Schedule, Slot
from config.ground.readonly import ReadOnlyAdmin, badge


@admin.register(Brand)
class BrandAdmin(ReadOnlyAdmin):
    list_display = ["name", "timezone", "currency", "parked_for", "clock_mode", "clock_at"]


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ["subject", "detail", "count", "first_at", "last_at", "state"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["subject"]
    ordering = ["-last_at"]
    actions = ["close"]

    @display(description=_("state"))
    def state(self, alarm: Alarm) -> SafeString:
        return badge(_("open"), "danger") if alarm.closed_at is None else badge(_("closed"), "success")

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
    list_display = ["schedule", "at", "outcome", "taken_at", "result"]
    list_filter = ["outcome", "schedule"]
    list_select_related = ["schedule"]
    ordering = ["-at"]


@admin.register(AuditRow)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "subject", "detail"]
    search_fields = ["=actor", "=action", "subject"]
    ordering = ["-at"]
