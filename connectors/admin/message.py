from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.ground import money
from config.ground.models import Brand
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge
from connectors import reasons
from connectors.addresses import masked
from connectors.models import Attempt, Message, Receipt, Submission

COLOURS = {
    "ready": "info",
    "inflight": "info",
    "sent": "success",
    "unknown": "warning",
    "unknown_final": "warning",
    "failed": "danger",
}
DELIVERIES = {"delivered": "success", "undelivered": "danger", "clicked": "success", "replied": "info"}


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ["n", "submission", "outcome", "code"]


class ReceiptInline(ReadOnlyInline):
    model = Receipt
    fields = ["kind", "code", "opts_out", "at", "received_at"]


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = [
        "member",
        "template",
        "shown_state",
        "why",
        "shown_delivery",
        "origin",
        "created_at",
        "sent_at",
        "charged",
    ]
    list_filter = ["state", "delivery", "channel", "template"]
    list_select_related = ["member", "template"]
    search_fields = ["=member__id", "^origin"]
    search_help_text = _("member number, or the origin, like journey:win-back@1")
    ordering = ["-created_at"]
    fields = [
        ("member", "address"),
        ("template", "text"),
        ("shown_state", "why"),
        ("shown_delivery", "delivered_at"),
        ("origin", "cause_key"),
        ("channel", "account"),
        ("created_at", "ready_at"),
        ("not_after", "sent_at"),
        ("tries", "resent"),
        ("units", "charged"),
        "provider_id",
    ]
    readonly_fields = ["address", "text", "shown_state", "why", "shown_delivery", "charged"]
    inlines = [AttemptInline, ReceiptInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        currency = Brand.objects.values("currency")[:1]
        return super().get_queryset(request).annotate(currency=Subquery(currency)).defer("data")

    @display(description=_("state"), ordering="state")
    def shown_state(self, message: Message) -> SafeString:
        return badge(message.get_state_display(), COLOURS.get(message.state))

    @display(description=_("delivery"), ordering="delivery")
    def shown_delivery(self, message: Message) -> SafeString:
        return badge(message.get_delivery_display(), DELIVERIES.get(message.delivery))

    @display(description=_("reason"), ordering="reason")
    def why(self, message: Message) -> str:
        return reasons.label(message.reason)

    @display(description=_("cost"), ordering="cost")
    def charged(self, message: Message) -> str:
        return money.show(message.cost, message.currency) if message.cost else ""  # type: ignore[attr-defined]

    @display(description=_("address"))
    def address(self, message: Message) -> str:
        return masked(message)

    @display(description=_("text"))
    def text(self, message: Message) -> str:
        """As it was sent, else as it would be."""
        last = message.attempts.select_related("submission__version").order_by("-n").first()
        version = last.submission.version if last else message.template.live
        return version.text if version else ""


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ["id", "account", "version", "outcome", "code", "provider_id", "created_at", "wire_at"]
    list_filter = ["outcome", "account"]
    list_select_related = ["account", "version__template"]
    search_fields = ["=provider_id"]
    ordering = ["-wire_at"]
