"""Paid orders and what was in them. Amounts are fen; an order's lines have its currency."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.source import Source


class Order(models.Model):
    member = models.ForeignKey(
        Member, models.PROTECT, null=True, blank=True, related_name="orders", db_index=False, verbose_name=_("member")
    )
    # What named the member when the order came, for ever; `member` is who that is today.
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False, editable=False
    )
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("order no."), max_length=200)
    placed_at = models.DateTimeField(_("placed"))
    amount = models.BigIntegerField(_("amount"))
    refunded = models.BigIntegerField(
        _("refunded"), db_default=0, default=0, help_text=_("Kept by the database: the sum of the refunds.")
    )
    currency = models.CharField(_("currency"), max_length=3)
    channel = models.CharField(_("channel"), max_length=50, blank=True)
    store = models.CharField(_("store"), max_length=50, blank=True)
    coupon_codes = ArrayField(models.CharField(max_length=64), verbose_name=_("coupon codes"), default=list)
    points_used = models.DecimalField(_("points used"), max_digits=18, decimal_places=2, default=0)
    exchange_of = models.CharField(
        _("exchange of"),
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("The number of the order whose goods it takes the place of; the two may come in any order."),
    )
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="an_order_is_stored_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="an_order_is_never_negative"),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("amount")), name="refunds_never_exceed_the_order"
            ),
            models.CheckConstraint(condition=~Q(exchange_of=F("external_id")), name="no_order_is_exchanged_for_itself"),
        ]
        indexes = [
            # Serves the profile pass: index-only sums per member, in the order of time; only orders with refunds look further.
            models.Index(
                fields=["member", "placed_at"],
                include=["id", "amount", "refunded", "exchange_of"],
                name="order_purchases_by_member",
            ),
            # Serve the few exchanges: those of an order, and those of a member.
            models.Index(fields=["source", "exchange_of"], condition=~Q(exchange_of=""), name="order_by_exchanged"),
            models.Index(
                fields=["member", "placed_at"], condition=~Q(exchange_of=""), name="order_exchanges_by_member"
            ),
            # Serves the daily figures and the admin's newest first.
            models.Index(fields=["placed_at"], name="order_by_time"),
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    position = models.PositiveIntegerField(_("position"))
    sku = models.CharField(_("SKU"), max_length=100)
    name = models.CharField(_("name"), max_length=200, blank=True)
    category = ArrayField(models.CharField(max_length=100), verbose_name=_("category"), default=list)
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)
    amount = models.BigIntegerField(_("amount"))
    discount = models.BigIntegerField(_("discount"), default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="an_order_line_is_never_negative"),
        ]

    def __str__(self) -> str:
        return self.sku


class Product(models.Model):
    sku = models.CharField(_("SKU"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=200)
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    category = ArrayField(models.CharField(max_length=100), verbose_name=_("category"), default=list)
    price = models.BigIntegerField(_("price"), null=True)
    launched_at = models.DateTimeField(_("launched"), null=True)
    replenish_days = models.PositiveIntegerField(_("days until it is used up"), null=True)
    attributes = models.JSONField(_("attributes"), default=dict)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")

    def __str__(self) -> str:
        return self.name
