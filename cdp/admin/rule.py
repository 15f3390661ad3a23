"""How far each source is trusted, and what its identities are worth. Every change leaves an audit row."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from cdp import kinds, rules
from cdp.admin.words import KINDS
from cdp.models import IdentityRule, Source
from config.ground import clock
from config.ground.admin.shown import word
from config.ground.readonly import badge

TRUST = {"untrusted": "danger", "known": "info", "trusted": "success"}


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """A source is made by its first rows; people say how far it is trusted, and whether it is a third party."""

    list_display = ["name", "code", "trusted", "third_party"]
    search_fields = ["code", "name"]
    ordering = ["code"]
    fields = ["code", "name", "trust", "third_party"]
    readonly_fields = ["code", "name"]

    @display(description=_("trust"), ordering="trust")
    def trusted(self, source: Source) -> SafeString:
        return badge(source.get_trust_display(), TRUST[source.trust])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        actor, now = f"admin:{request.user.get_username()}", clock.now()
        rules.trust(obj, obj.trust, actor=actor, now=now)
        rules.mark_third_party(obj, obj.third_party, actor=actor, now=now)


class RuleForm(forms.ModelForm):
    source = forms.ModelChoiceField(
        label=_("source"), queryset=Source.objects.order_by("code"), required=False, empty_label=_("every source"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("kind"), choices=list(KINDS.items()), widget=UnfoldAdminSelectWidget)

    trusted = forms.NullBooleanField(
        label=_("joins members"),
        required=False,
        widget=UnfoldAdminSelectWidget(
            choices=[("", _("as the source is trusted")), ("True", _("yes")), ("False", _("no"))]
        ),
    )

    class Meta:
        model = IdentityRule
        fields = ["source", "kind", "strength", "trusted", "single", "cap"]

    def clean_cap(self) -> int | None:
        cap: int | None = self.cleaned_data["cap"]
        if cap == 0:
            raise forms.ValidationError(gettext("At least its own member may use an identity."))
        return cap

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("strength") == IdentityRule.Strength.WEAK and given.get("trusted"):
            self.add_error("trusted", gettext("What is weak joins nobody."))
        return given


@admin.register(IdentityRule)
class IdentityRuleAdmin(ModelAdmin):
    form = RuleForm
    list_display = ["sort", "of", "strength", "trusted", "single", "cap"]
    list_before_template = "cdp/usual_terms.html"
    list_filter = ["source", "strength"]
    list_select_related = ["source"]
    ordering = ["kind", "source__code"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what holds where no rule says otherwise, strongest first."""
        usual = {"usual": kinds.KINDS}
        response: HttpResponse = super().changelist_view(request, usual | (extra_context or {}))
        return response

    @display(description=_("kind"), ordering="kind")
    def sort(self, rule: IdentityRule) -> str:
        return word(KINDS, rule.kind)

    @display(description=_("source"), ordering="source__code")
    def of(self, rule: IdentityRule) -> str:
        return str(rule.source or gettext("every source"))

    def save_model(self, request: HttpRequest, obj: IdentityRule, form: Any, change: bool) -> None:
        rules.save(obj, actor=_who(request), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: IdentityRule) -> None:
        rules.remove(obj, actor=_who(request), now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[IdentityRule]) -> None:
        for rule in queryset.order_by("pk"):
            rules.remove(rule, actor=_who(request), now=clock.now())


def _who(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"
