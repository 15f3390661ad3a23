from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.ground.readonly import ReadOnlyAdmin
from connectors.models import Receipt


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "code", "member", "message", "opts_out", "at", "received_at"]
    list_filter = ["kind", "opts_out", "account"]
    list_select_related = ["member", "message"]
    search_fields = ["=member__id", "=provider_id"]
    search_help_text = _("member number, or the id at the provider")
    exclude = ["address", "dedupe"]
    ordering = ["-id"]
