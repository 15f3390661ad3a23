"""Orders with what was in them and what went back; rows that wait for their parent."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.shown import amount, with_currency
from cdp.admin.words import KINDS
from cdp.models import Order, OrderLine, Parked, Refund, RefundLine
from config.ground.admin.shown import Named, word
from config.ground.models import Brand
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
        return amount(refund.amount, refund.order.currency if refund.order else "")


class WithoutMember(admin.SimpleListFilter):
    title = _("member")
    parameter_name = "named"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("without a member")), ("yes", _("with a member"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset if self.value() not in ("no", "yes") else queryset.filter(member__isnull=self.value() == "no")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "member", "paid", "back", "placed_at", "channel", "store", "source"]
    list_filter = [WithoutMember, "source"]
    list_select_related = ["member", "source"]
    list_fullwidth = True
    ordering = ["-placed_at"]
    search_fields = ["=external_id", "=member__id"]
    search_help_text = _("order number, or member number")
    inlines = [LineInline, RefundInline]
    fields = [
        "external_id", "member", "source", "placed_at", "paid", "back", "exchange_of", "channel", "store", "coupon_codes",
        "points_used",
    ]  # fmt: skip

    @display(description=_("amount"), ordering="amount")
    def paid(self, order: Order) -> str:
        return amount(order.amount, order.currency)

    @display(description=_("refunded"), ordering="refunded")
    def back(self, order: Order) -> str:
        return amount(order.refunded, order.currency) if order.refunded else "–"


class WithoutOrder(admin.SimpleListFilter):
    title = _("order")
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("none", _("without an order")), ("order", _("of an order"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        asked = self.value()
        return queryset.filter(order__isnull=asked == "none") if asked in ("none", "order") else queryset


class ReturnedInline(ReadOnlyInline):
    model = RefundLine
    fields = ["sku", "quantity", "back"]
    readonly_fields = fields
    ordering = ["position"]
    hide_title = True
    per_page = 50

    @display(description=_("amount"))
    def back(self, line: RefundLine) -> str:
        return amount(line.amount, Brand.objects.the().currency)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "order", "member", "back", "refunded_at", "source"]
    list_filter = [WithoutOrder, "source"]
    list_select_related = ["order", "member", "source"]
    list_fullwidth = True
    ordering = ["-refunded_at"]
    search_fields = ["=external_id", "=order__external_id", "=member__id"]
    search_help_text = _("refund number, order number, or member number")
    inlines = [ReturnedInline]
    fields = ["external_id", "order", "member", "source", "refunded_at", "back"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return with_currency(super().get_queryset(request))

    @display(description=_("amount"), ordering="amount")
    def back(self, refund: Refund) -> str:
        return amount(refund.amount, refund.brand_currency)  # type: ignore[attr-defined]  # with_currency


@admin.register(Parked)
class ParkedAdmin(Named, ReadOnlyAdmin):
    list_display = ["sort", "external_id", "parent", "why", "parked_at", "alarmed_at", "source"]
    list_filter = ["why", "source"]
    list_select_related = ["source"]
    list_fullwidth = True
    ordering = ["parked_at"]
    search_fields = ["=external_id", "=waits_for"]
    search_help_text = _("number of the row, or of the order that it waits for")
    fields = readonly_fields = [
        "sort", "external_id", "source", "order", "back", "why", "parked_at", "alarmed_at",
    ]  # fmt: skip

    def named(self, parked: Parked) -> str:
        return f"{self.sort(parked)} {parked.external_id}"

    @display(description=_("waits for"))
    def order(self, parked: Parked) -> SafeString | str:
        """A refund's order, where it is there."""
        found = Order.objects.filter(source=parked.source, external_id=parked.waits_for).first()
        if parked.why == Parked.Why.NO_MEMBER or found is None:
            return self.parent(parked)
        return format_html('<a href="{}">{}</a>', reverse("admin:cdp_order_change", args=[found.pk]), found.external_id)

    @display(description=_("amount"))
    def back(self, parked: Parked) -> str:
        return amount(parked.row.get("amount"), Brand.objects.the().currency)

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
