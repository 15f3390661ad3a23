"""The brand's settings: each threshold a field of its own, checked as the verb checks, and changed by the verb."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from cdp import brand
from cdp.errors import InvalidBrand
from cdp.quality.problems import lasting
from config.ground import clock, durations
from config.ground.models import Brand

FACTORS = {
    "critical_factor": _("critical from this part of the interval"),
    "dormant_factor": _("dormant from this part of the interval"),
    "churned_factor": _("churned from this part of the interval"),
}
DAYS = {
    "critical_floor": _("critical, days at least"),
    "dormant_floor": _("dormant, days at least"),
    "dormant_floor_once": _("dormant after one purchase day, days at least"),
    "churned_floor": _("churned, days at least"),
    "default_interval": _("interval while nobody has bought twice, days"),
}
WEIGHTS = {"shrinkage": _("weight of the base interval")}
STAGES = FACTORS | DAYS | WEIGHTS
TIERS = {"middle": _("middle tier from this share"), "top": _("top tier from this share")}
MALL = {
    "newcomer_days": _("newcomer up to this many days after the first login"),
    "mature_days": _("mature from this many days after the first login"),
    "declining_days": _("declining from this many days without login"),
}
GROUPS = {"stages": STAGES, "value_tiers": TIERS, "mall_stages": MALL}
PLAIN = ("name", "timezone", "currency", "parked_for")
NEXT_DAY = _("Thresholds hold from the brand's next midnight, when everybody is placed anew.")


def _number(label: Any, *, whole: bool) -> forms.Field:
    kind = forms.IntegerField if whole else forms.FloatField
    return kind(label=label, min_value=0, max_value=100_000, widget=UnfoldAdminDecimalFieldWidget)


class BrandForm(forms.ModelForm):
    class Meta:
        model = Brand
        fields = PLAIN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for group, names in GROUPS.items():
            for name, value in ((name, getattr(self.instance, group)[name]) for name in names):
                self.initial[f"{group}_{name}"] = value

    def said(self) -> dict[str, Any]:
        """What the verb is told."""
        given = self.cleaned_data
        return {name: given[name] for name in PLAIN if name in given} | {
            group: {name: given[f"{group}_{name}"] for name in names} for group, names in GROUPS.items()
        }

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                brand.check(self.said())
            except InvalidBrand as error:
                raise ValidationError({f.path.replace(".", "_"): f.message for f in error.faults}) from None
        return given


NUMBERS = {f"stages_{name}": _number(label, whole=name in DAYS) for name, label in STAGES.items()}
NUMBERS |= {f"value_tiers_{name}": _number(label, whole=False) for name, label in TIERS.items()}
NUMBERS |= {f"mall_stages_{name}": _number(label, whole=True) for name, label in MALL.items()}
BrandForm.declared_fields.update(NUMBERS)
BrandForm.base_fields.update(NUMBERS)


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    form = BrandForm
    list_display = ["name", "timezone", "currency", "patience", "clock_mode", "clock_at"]
    fieldsets = [
        (None, {"fields": ["name", ("timezone", "currency"), "parked_for"]}),
        (_("Lifecycle stages"), {"fields": [f"stages_{name}" for name in STAGES], "description": NEXT_DAY}),
        (_("Value tiers"), {"fields": [f"value_tiers_{name}" for name in TIERS], "description": NEXT_DAY}),
        (_("Mall stages"), {"fields": [f"mall_stages_{name}" for name in MALL], "description": NEXT_DAY}),
    ]

    @display(description=_("patience with parked rows"), ordering="parked_for")
    def patience(self, brand: Brand) -> str:
        length = durations.parse(brand.parked_for)
        return lasting(timedelta(days=length.days) + length.exact) if length else brand.parked_for

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["timezone", "currency"] if brand.settled() else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:
        try:
            changed = brand.change(form.said(), actor=f"admin:{request.user}", now=clock.now())
        except InvalidBrand as error:
            messages.error(request, str(error))
        else:
            if not changed:
                messages.info(request, gettext("nothing was changed"))
