"""Pages on which people change rows: each change leaves a row of the audit trail, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from config.ground import audit, clock


class AuditedAdmin(ModelAdmin):
    """`told`: fields whose values may stand in the trail, before and after; of the others it has the name only."""

    told: frozenset[str] = frozenset()

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        request.changed = self._changed(form)  # type: ignore[attr-defined]  # for the row below
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._note(request, "added", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._note(request, "changed", obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> Any:
        for obj in queryset:
            self._note(request, "deleted", obj)
        return super().log_deletions(request, queryset)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """An action changes and leaves its rows together."""
        with transaction.atomic():
            response: HttpResponse = super().changelist_view(request, extra_context)
            return response

    def _note(self, request: HttpRequest, what: str, obj: Model) -> None:
        kind = obj._meta.model_name
        changed: dict[str, Any] = getattr(request, "changed", {})
        audit.note(f"admin:{request.user}", f"{kind}.{what}", f"{kind}:{obj}"[:200], now=clock.now(), **changed)

    def _changed(self, form: Any) -> dict[str, Any]:
        return {
            name: [_plain(form.initial.get(name)), _plain(form.cleaned_data.get(name))] if name in self.told else "…"
            for name in form.changed_data
        }


def _plain(value: Any) -> Any:
    if isinstance(value, str) or value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return sorted(str(one) for one in value)
    return str(value)
