from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground.admin.shown import Named
from config.ground.readonly import ReadOnlyAdmin
from connectors.models import Receipt


@admin.register(Receipt)
class ReceiptAdmin(Named, ReadOnlyAdmin):
    list_display = ["id", "kind", "code", "member", "about", "opts_out", "at", "received_at"]
    list_filter = ["kind", "opts_out", "account"]
    list_select_related = ["member", "message__template"]
    search_fields = ["=member__id", "=provider_id"]
    search_help_text = _("member number, or the id at the provider")
    exclude = ["address", "dedupe"]
    ordering = ["-id"]

    def named(self, row: Receipt) -> str:
        return f"{row.get_kind_display()} · {row.member or row.provider_id}"

    @display(description=_("message"))
    def about(self, receipt: Receipt) -> str:
        if receipt.message is None:
            return "–"
        link = reverse("admin:connectors_message_change", args=[receipt.message_id])
        return format_html('<a href="{}">{}</a>', link, receipt.message.template.name or receipt.message.template)
