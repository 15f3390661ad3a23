from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.shown import amount
from cdp.admin.words import KINDS
from cdp.models import Order, OrderLine, Parked, Refund
from config.ground.admin.shown import word
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline

SORTS = {"event": _("event"), "refund": _("refund")}


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = ["sku", "name", "categories", "quantity", "paid", "given"]
    readonly_fields = fields
    ordering = ["position"]
    hide_title = True
    per_page = 50

    @display(description=_("category"))
    def categories(self, line: OrderLine) -> str:
        return " › ".join(line.category)

    @display(description=_("amount"))
    def paid(self, line: OrderLine) -> str:
        return amount(line.amount, line.order.currency)

    @display(description=_("discount"))
    def given(self, line: OrderLine) -> str:
        return amount(line.discount, line.order.currency) if line.discount else "–"


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["external_id", "refunded_at", "back"]
    readonly_fields = fields
    ordering = ["-refunded_at"]
    per_page = 50

    @display(description=_("amount"))
    def back(self, refund: Refund) -> str:
        return amount(refund.amount, refund.order.currency)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "member", "paid", "back", "placed_at", "channel", "store", "source"]
    list_filter = ["source", ("member", admin.EmptyFieldListFilter)]
    list_select_related = ["member", "source"]
    list_fullwidth = True
    ordering = ["-placed_at"]
    search_fields = ["=external_id", "=member__id"]
    search_help_text = _("order number, or member number")
    inlines = [LineInline, RefundInline]
    fields = [
        "external_id", "member", "source", "placed_at", "paid", "back", "channel", "store", "coupon_codes", "points_used",
    ]  # fmt: skip

    @display(description=_("amount"), ordering="amount")
    def paid(self, order: Order) -> str:
        return amount(order.amount, order.currency)

    @display(description=_("refunded"), ordering="refunded")
    def back(self, order: Order) -> str:
        return amount(order.refunded, order.currency) if order.refunded else "–"


@admin.register(Parked)
class ParkedAdmin(ReadOnlyAdmin):
    list_display = ["sort", "external_id", "parent", "why", "parked_at", "alarmed_at", "source"]
    list_filter = ["why", "source"]
    list_select_related = ["source"]
    list_fullwidth = True
    ordering = ["parked_at"]
    search_fields = ["=external_id", "=waits_for"]
    search_help_text = _("number of the row, or of the order that it waits for")

    @display(description=_("kind"), ordering="kind")
    def sort(self, parked: Parked) -> str:
        return word(SORTS, parked.kind)

    @display(description=_("waits for"))
    def parent(self, parked: Parked) -> str:
        """The order's number; of an event, the kinds of its identities."""
        if parked.why != Parked.Why.NO_MEMBER:
            return parked.waits_for
        kinds = (name.partition("@") for name in parked.waits_for.split(", "))
        return ", ".join(f"{word(KINDS, kind)}{at}{app}" for kind, at, app in kinds)
