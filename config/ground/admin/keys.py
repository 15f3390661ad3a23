"""Partner keys: made here, shown once, revoked here; never edited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.ground import clock, keys
from config.ground.models import ApiKey


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[(scope, scope) for scope in keys.SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiKey
        fields = ["name", "source", "scopes"]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                keys.check(given["name"], given["scopes"], given["source"])
            except keys.InvalidKey as error:
                raise forms.ValidationError(str(error)) from None
        return given


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    form = KeyForm
    list_display = ["name", "prefix", "source", "may", "created_at", "revoked_at"]
    search_fields = ["name", "prefix"]
    exclude = ["hashed"]
    actions = ["revoke"]

    @admin.display(description=gettext_lazy("scopes"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        clear = keys.create(obj.name, obj.scopes, obj.source, actor=f"admin:{request.user}", now=clock.now())
        obj.pk = ApiKey.objects.values_list("pk", flat=True).get(name=obj.name)
        messages.warning(request, _("Keep this key now; it cannot be shown again: %(key)s") % {"key": clear})

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = clock.now()
        revoked = sum(keys.revoke(key, actor=f"admin:{request.user}", now=now) for key in queryset)
        messages.success(request, _("%(count)d keys revoked") % {"count": revoked})
