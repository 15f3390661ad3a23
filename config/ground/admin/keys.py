"""Partner keys: made here, shown once, replaced, told to sign and revoked here; never edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from config.ground import clock, keys
from config.ground.models import ApiKey

MAY = {
    "ingest": gettext_lazy("send rows of its source; needs the source"),
    "members": gettext_lazy("read and describe members that its source told of; needs the source"),
    "members:all": gettext_lazy("the same of every member, export and erase"),
    "segments": gettext_lazy("segments"),
    "journeys": gettext_lazy("read enrolments of journeys"),
    "points": gettext_lazy("points"),
    "messages": gettext_lazy("messages"),
    "metrics": gettext_lazy("read figures of journeys and of data quality"),
    "admin": gettext_lazy("merge members and read possible duplicates, together with members:all"),
}
OVERLAP = timedelta(days=7)  # in which the partner changes to the new key


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[(scope, format_lazy("{}: {}", scope, MAY[scope])) for scope in keys.SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    networks = forms.CharField(
        label=gettext_lazy("IP addresses"),
        required=False,
        help_text=gettext_lazy("Addresses or networks between commas; empty: from anywhere."),
        widget=UnfoldAdminTextInputWidget,
    )

    rate = forms.IntegerField(
        label=gettext_lazy("calls per minute"),
        required=False,
        initial=keys.RATE,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ApiKey
        fields = ["name", "source", "scopes", "networks", "rate"]
        help_texts = {"source": gettext_lazy("The data source that it speaks for; needed for ingest and members.")}

    def clean_rate(self) -> int:
        rate: int | None = self.cleaned_data["rate"]
        return keys.RATE if rate is None else rate

    def clean_networks(self) -> list[str]:
        return [text.strip() for text in self.cleaned_data["networks"].split(",") if text.strip()]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                keys.check(given["name"], given["scopes"], given["source"], given["networks"], given["rate"])
            except keys.InvalidKey as error:
                raise forms.ValidationError(str(error)) from None
        return given


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    form = KeyForm
    list_display = [
        "name", "prefix", "source", "may", "rate", "signing", "created_at", "last_used_at", "expires_at", "revoked_at",
    ]  # fmt: skip
    search_fields = ["name", "prefix"]
    exclude = ["hashed", "signing_secret"]
    actions = ["replace", "issue_secret", "require_signing", "allow_unsigned", "revoke"]

    @admin.display(description=gettext_lazy("scopes"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        clear = keys.create(
            obj.name,
            obj.scopes,
            obj.source,
            networks=obj.networks,
            rate=obj.rate,
            actor=f"admin:{request.user}",
            now=clock.now(),
        )
        obj.pk = ApiKey.objects.values_list("pk", flat=True).get(name=obj.name)
        messages.warning(request, _("Keep this key now; it cannot be shown again: %(key)s") % {"key": clear})

    @admin.action(description=gettext_lazy("Make successors; the selected keys end in 7 days"), permissions=["add"])
    def replace(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = clock.now()
        for key in queryset:
            try:
                clear = keys.replace(key, until=now + OVERLAP, actor=f"admin:{request.user}", now=now)
            except keys.InvalidKey as error:
                messages.error(request, f"{key}: {error}")
            else:
                messages.warning(request, _("Keep this key now; it cannot be shown again: %(key)s") % {"key": clear})

    @admin.action(description=gettext_lazy("Issue a signing secret"), permissions=["add"])
    def issue_secret(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = clock.now()
        for key in queryset:
            required = key.signing == ApiKey.Signing.REQUIRED
            secret = keys.sign(key, required=required, actor=f"admin:{request.user}", now=now)
            said = _("Keep the signing secret of %(name)s now; it cannot be shown again: %(secret)s")
            messages.warning(request, said % {"name": key, "secret": secret})

    @admin.action(description=gettext_lazy("Calls must be signed"), permissions=["add"])
    def require_signing(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._signing(request, queryset, required=True)

    @admin.action(description=gettext_lazy("Calls may be unsigned"), permissions=["add"])
    def allow_unsigned(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._signing(request, queryset, required=False)

    def _signing(self, request: HttpRequest, queryset: QuerySet[ApiKey], *, required: bool) -> None:
        now = clock.now()
        changed = sum(
            keys.require_signing(key, required=required, actor=f"admin:{request.user}", now=now) for key in queryset
        )
        messages.success(request, _("%(count)d keys changed; a key needs a signing secret first") % {"count": changed})

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = clock.now()
        revoked = sum(keys.revoke(key, actor=f"admin:{request.user}", now=now) for key in queryset)
        messages.success(request, _("%(count)d keys revoked") % {"count": revoked})
