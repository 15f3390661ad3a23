from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from automation.models import Conversion
from config.ground import money
from config.ground.admin.shown import Named
from config.ground.readonly import ReadOnlyAdmin


@admin.register(Conversion)
class ConversionAdmin(Named, ReadOnlyAdmin):
    list_display = ["order", "member", "journey", "credited", "at", "touch", "model"]
    list_filter = ["enrolment__journey"]
    list_select_related = ["order", "enrolment__member", "enrolment__journey"]
    list_fullwidth = True
    ordering = ["-id"]
    search_fields = ["=order__external_id", "=enrolment__member__id"]
    search_help_text = _("order number, or member number")
    fields = ["order", "member", "journey", "credited", "at", "touch", "model"]
    readonly_fields = ["member", "journey", "credited", "touch"]

    def named(self, row: Conversion) -> str:
        return f"{row.order} · {row.enrolment.journey}"

    @display(description=_("member"))
    def member(self, conversion: Conversion) -> str:
        return str(conversion.enrolment.member)

    @display(description=_("journey"))
    def journey(self, conversion: Conversion) -> str:
        return str(conversion.enrolment.journey)

    @display(description=_("message"))
    def touch(self, conversion: Conversion) -> str:
        link = reverse("admin:connectors_message_change", args=[conversion.message])
        return format_html('<a href="{}">{}…</a>', link, str(conversion.message)[:8])

    @display(description=_("amount"), ordering="amount")
    def credited(self, conversion: Conversion) -> str:
        return money.show(conversion.amount, conversion.order.currency)
