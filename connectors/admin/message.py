from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.shown import when
from cdp.admin.words import CHANNELS
from config.ground import money
from config.ground.admin.shown import Named, in_words, origin, word
from config.ground.models import Brand
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge
from connectors import reasons
from connectors.addresses import masked
from connectors.models import Attempt, Message, Receipt, Submission

OUTCOMES = {
    "accepted": _("accepted by the provider"),
    "retry": _("not taken, to be sent again"),
    "throttled": _("too fast for the account"),
    "unknown": _("unknown"),
    "invalid": _("the address is not valid on this channel"),
    "opted_out": _("the address is on an opt-out list"),
    "no_grant": _("the member has granted no more messages"),
    "freq_cap": _("the provider's limit for one address was reached"),
    "content": _("the provider refused the content"),
    "template": _("the template was refused"),
    "config": _("the account was refused"),
    "quiet": _("quiet hours of the provider"),
}
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
    hide_title = True
    fields = ["n", "submission", "answer", "code"]
    readonly_fields = ["answer"]

    @display(description=_("outcome"))
    def answer(self, attempt: Attempt) -> str:
        return word(OUTCOMES, attempt.outcome)


class ReceiptInline(ReadOnlyInline):
    model = Receipt
    hide_title = True
    fields = ["kind", "code", "opts_out", "at", "received_at"]


@admin.register(Message)
class MessageAdmin(Named, ReadOnlyAdmin):
    list_display = [
        "member",
        "template",
        "shown_state",
        "why",
        "shown_delivery",
        "on_account",
        "created_at",
        "went",
        "charged",
    ]
    list_filter = ["state", "delivery", in_words("channel", CHANNELS), "template"]
    list_select_related = ["member", "template"]
    search_fields = ["=member__id", "^origin"]
    search_help_text = _("member number, or the origin, like journey:win-back@1")
    ordering = ["-created_at"]
    fields = [
        ("member", "address"),
        ("template", "text"),
        ("shown_state", "why"),
        ("shown_delivery", "arrived"),
        ("on_account", "cause_key"),
        ("by", "account"),
        ("created_at", "ready_at"),
        ("not_after", "went"),
        ("tries", "resent"),
        ("units", "charged"),
        "provider_id",
    ]
    readonly_fields = ["address", "text", "shown_state", "why", "shown_delivery", "charged"]
    readonly_fields += ["on_account", "by", "went", "arrived"]
    inlines = [AttemptInline, ReceiptInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        currency = Brand.objects.values("currency")[:1]
        return super().get_queryset(request).annotate(currency=Subquery(currency)).defer("data")

    def named(self, row: Message) -> str:
        return f"{row.template.name or row.template} · {row.member}"

    @display(description=_("origin"), ordering="origin")
    def on_account(self, message: Message) -> str:
        return origin(message.origin)

    @display(description=_("channel"), ordering="channel")
    def by(self, message: Message) -> str:
        return word(CHANNELS, message.channel)

    @display(description=_("sent at"), ordering="sent_at")
    def went(self, message: Message) -> str:
        return when(message.sent_at)

    @display(description=_("delivered at"), ordering="delivered_at")
    def arrived(self, message: Message) -> str:
        return when(message.delivered_at)

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
class SubmissionAdmin(Named, ReadOnlyAdmin):
    list_display = ["id", "account", "version", "answer", "code", "provider_id", "created_at", "wire_at"]
    list_filter = [in_words("outcome", OUTCOMES), "account"]
    list_select_related = ["account", "version__template"]
    search_fields = ["=provider_id"]
    ordering = ["-wire_at"]
    fields = ["account", "version", "answer", "code", "provider_id", "created_at", "wire_at"]
    readonly_fields = ["answer"]

    def named(self, row: Submission) -> str:
        return f"{row.account} · {row.version} · {when(row.created_at)}"

    @display(description=_("outcome"), ordering="outcome")
    def answer(self, submission: Submission) -> str:
        return word(OUTCOMES, submission.outcome)
