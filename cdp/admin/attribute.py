"""What may be said of a member: declared and called here; the verb sees to what may still change."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from cdp import attributes
from cdp.errors import InvalidAttribute
from cdp.models import AttributeDefinition
from config.ground import clock
from config.ground.readonly import badge


class AttributeForm(forms.ModelForm):
    """What the verb would refuse stands beside its field."""

    lines = forms.CharField(
        label=_("choices"),
        required=False,
        help_text=_("Only for one of a list; a line each: value, label in Chinese, label in English."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )

    class Meta:
        model = AttributeDefinition
        fields = ["name", "type", "label_zh", "label_en", "lines", "personal"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].initial = "\n".join(", ".join(choice) for choice in self.instance.choices)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        self.instance.choices = [choice(line) for line in given.get("lines", "").splitlines() if line.strip()]
        return given

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # the instance has the new values only after it
        if not self.errors:
            try:
                attributes.examine(self.instance)
            except InvalidAttribute as refusal:
                self.add_error("lines" if refusal.field == "choices" else refusal.field, str(refusal))


def choice(line: str) -> list[str]:
    """value, Chinese, English; a label that is not given is the value."""
    value, *labels = [part.strip() for part in line.replace("，", ",").split(",", 2)]
    zh, en = [*labels, *[""] * (2 - len(labels))]
    return [value, zh or value, en or value]


@admin.register(AttributeDefinition)
class AttributeAdmin(ModelAdmin):
    form = AttributeForm
    list_display = ["called", "name", "sort", "known", "about", "made_by"]
    list_display_links = ["called"]
    ordering = ["-standard", "pk"]
    fields = ["name", "type", "label_zh", "label_en", "lines", "personal"]
    list_fullwidth = True

    @display(description=_("label"))
    def called(self, definition: AttributeDefinition) -> str:
        return str(definition)

    @display(description=_("type"), ordering="type")
    def sort(self, definition: AttributeDefinition) -> SafeString:
        return badge(definition.get_type_display())

    @display(description=_("choices"))
    def known(self, definition: AttributeDefinition) -> str:
        known = attributes.in_words(definition)
        return " · ".join(known) or "–"

    @display(description=_("personal"), ordering="personal")
    def about(self, definition: AttributeDefinition) -> SafeString | str:
        return badge(_("personal"), "warning") if definition.personal else "–"

    @display(description=_("declared by"), ordering="standard")
    def made_by(self, definition: AttributeDefinition) -> str:
        return str(_("Huitou") if definition.standard else _("the brand"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: AttributeDefinition, form: Any, change: bool) -> None:
        attributes.declare(obj, actor=f"admin:{request.user}", now=clock.now())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # journeys may ask for it
