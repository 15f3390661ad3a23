from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.ground.admin.shown import origin
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline
from loyalty.models import Entry, Leg, Lot


class LegInline(ReadOnlyInline):
    model = Leg


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "member", "kind", "amount", "reason", "on_account", "occurred_at", "recorded_at"]
    list_filter = ["kind"]
    list_select_related = ["account__member"]
    search_fields = ["=account__member__id", "origin"]
    search_help_text = _("member number, or the origin, like journey:win-back@1")
    ordering = ["-id"]
    fields = ["account", "member", "kind", "amount", "balance", "reason", "on_account", "cause"]
    fields += ["source_type", "source_id", "reverses", "occurred_at", "recorded_at"]
    readonly_fields = ["member", "balance", "on_account"]
    inlines = [LegInline]

    @admin.display(description=_("member"))
    def member(self, entry: Entry) -> str:
        return str(entry.account.member)

    @admin.display(description=_("origin"), ordering="origin")
    def on_account(self, entry: Entry) -> str:
        return origin(entry.origin)

    @admin.display(description=_("available points after it"))
    def balance(self, entry: Entry) -> str:
        return entry.result["balance"]


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    list_display = ["id", "member", "state", "original", "remaining", "available_at", "expires_at"]
    list_filter = ["state"]
    list_select_related = ["account__member"]
    search_fields = ["=account__member__id"]
    search_help_text = _("member number")
    ordering = ["-id"]

    @admin.display(description=_("member"))
    def member(self, lot: Lot) -> str:
        return str(lot.account.member)
