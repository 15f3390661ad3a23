from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.shown import amount, badge, with_currency
from cdp.models import Profile
from config.ground.readonly import ReadOnlyAdmin


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = [
        "member", "shown_stage", "shown_tier", "orders", "purchase_days", "lifetime", "year", "last_order_at",
        "next_order_due", "as_of",
    ]  # fmt: skip
    list_filter = ["stage", "value_tier"]
    list_select_related = ["member"]
    list_fullwidth = True
    ordering = ["-pk"]
    search_fields = ["=member__id"]
    search_help_text = _("member number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        return with_currency(super().get_queryset(request))

    @display(description=_("stage"), ordering="stage")
    def shown_stage(self, profile: Profile) -> str:
        return badge(profile.stage)

    @display(description=_("value tier"), ordering="value_tier")
    def shown_tier(self, profile: Profile) -> str:
        return badge(profile.value_tier)

    @display(description=_("net amount"), ordering="amount")
    def lifetime(self, profile: Profile) -> str:
        return amount(profile.amount, profile.brand_currency)  # type: ignore[attr-defined]  # with_currency

    @display(description=_("net amount, 365 days"), ordering="amount_365")
    def year(self, profile: Profile) -> str:
        return amount(profile.amount_365, profile.brand_currency)  # type: ignore[attr-defined]
