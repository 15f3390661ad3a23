"""Event types: what is personal in them and how long they are kept, said here and nowhere else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from cdp import personal
from cdp.errors import InvalidEventType
from cdp.models import EventType
from config.ground import clock


class EventTypeForm(forms.ModelForm):
    class Meta:
        model = EventType
        fields = ["code", "label", "personal", "retention_days"]
        widgets = {"personal": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                personal.check(given.get("code", self.instance.code), given["personal"])
            except InvalidEventType as error:
                raise forms.ValidationError(str(error)) from None
        return given


@admin.register(EventType)
class EventTypeAdmin(ModelAdmin):
    form = EventTypeForm
    fields = ["code", "label", "personal", "retention_days"]
    list_display = ["code", "label", "names", "retention_days", "deleted", "swept_at"]
    search_fields = ["code", "label"]
    ordering = ["code"]

    @display(description=_("personal properties"))
    def names(self, type: EventType) -> str:
        return ", ".join(type.personal) or "–"

    def get_readonly_fields(self, request: HttpRequest, obj: EventType | None = None) -> list[str]:
        """The code names what is stored already, so it stays."""
        return ["code", "deleted", "swept_at"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: EventType | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: EventType, form: Any, change: bool) -> None:
        kept = personal.declare(
            obj.code,
            label=obj.label,
            personal=obj.personal,
            retention_days=obj.retention_days,
            actor=f"admin:{request.user}",
            now=clock.now(),
        )
        obj.pk = kept.pk
