from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.words import CHANNELS
from config.ground import clock
from config.ground.admin.shown import Named, in_words, word
from config.ground.readonly import ReadOnlyAdmin, badge
from connectors import accounts
from connectors.models import BlockedAddress, ProviderAccount

BLOCKED = {"dead_address": _("the number is out of service"), "opted_out": _("the owner opted out")}


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
    """Secrets are on no page."""

    list_display = ["name", "key", "by", "provider", "kind", "running", "stopped_for", "slow_until"]
    list_filter = [in_words("channel", CHANNELS), "sandbox", "enabled"]
    search_fields = ["key", "name"]
    exclude = ["secrets"]
    actions = ["stop", "start"]

    @display(description=_("channel"), ordering="channel")
    def by(self, account: ProviderAccount) -> str:
        return word(CHANNELS, account.channel)

    @display(description=_("kind"))
    def kind(self, account: ProviderAccount) -> SafeString:
        return badge(gettext("sandbox"), "warning") if account.sandbox else badge(gettext("live"), "success")

    @display(description=_("enabled"), boolean=True)
    def running(self, account: ProviderAccount) -> bool:
        return account.enabled

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connectors.change_provideraccount")

    @admin.action(description=_("Stop: nothing goes out until it is started"), permissions=["operate"])
    def stop(self, request: HttpRequest, chosen: QuerySet[ProviderAccount]) -> None:
        by = f"admin:{request.user.get_username()}"
        for key in chosen.values_list("key", flat=True):
            if accounts.stop(key, reason=by, by=by, now=clock.now()):
                self.message_user(request, gettext("%(account)s is stopped") % {"account": key})

    @admin.action(description=_("Start again"), permissions=["operate"])
    def start(self, request: HttpRequest, chosen: QuerySet[ProviderAccount]) -> None:
        by = f"admin:{request.user.get_username()}"
        for key in chosen.values_list("key", flat=True):
            try:
                if accounts.start(key, by=by, now=clock.now()):
                    self.message_user(request, gettext("%(account)s is running") % {"account": key})
            except accounts.Refused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)


@admin.register(BlockedAddress)
class BlockedAddressAdmin(Named, ReadOnlyAdmin):
    list_display = ["by", "why", "since"]
    list_filter = [in_words("channel", CHANNELS), in_words("reason", BLOCKED)]
    fields = readonly_fields = ["by", "why", "since"]
    ordering = ["-id"]

    def named(self, row: BlockedAddress) -> str:
        return f"{self.by(row)} · {self.why(row)}"

    @display(description=_("channel"), ordering="channel")
    def by(self, address: BlockedAddress) -> str:
        return word(CHANNELS, address.channel)

    @display(description=_("reason"), ordering="reason")
    def why(self, address: BlockedAddress) -> str:
        return word(BLOCKED, address.reason)
