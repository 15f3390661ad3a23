"""What went back: refunds of orders, and rows that came before the one they belong to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.order import Order
from cdp.models.source import Source


class Refund(models.Model):
    """Append-only (a trigger refuses the rest). A trigger adds it to its order, which can never be refunded above its amount,
    and keeps it with that order's member. A return without an order is netted against its own member, if it has one.
    """

    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="refunds", db_index=False, verbose_name=_("order")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("member")
    )
    # Who named the member of a return, for good; no key to it, since an erasure takes identities away.
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("refund no."), max_length=200)
    refunded_at = models.DateTimeField(_("refunded on"))
    amount = models.BigIntegerField(_("amount"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="a_refund_is_stored_once"),
            # A till may take back what had cost nothing.
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(amount=0, order=None), name="a_refund_gives_something_back"
            ),
        ]
        indexes = [
            # Serves the net amount of an order as of an instant.
            models.Index(fields=["order", "refunded_at"], include=["amount"], name="refund_by_order"),
            # Serves what a member gave back.
            models.Index(fields=["member", "refunded_at"], include=["amount", "order"], name="refund_by_member"),
            # Serves the figures of days and of everybody.
            models.Index(
                fields=["refunded_at"],
                include=["member", "amount"],
                condition=Q(order=None),
                name="refund_without_order",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class RefundLine(models.Model):
    refund = models.ForeignKey(Refund, models.CASCADE, related_name="lines", verbose_name=_("refund"))
    position = models.PositiveIntegerField(_("position"))
    sku = models.CharField(_("SKU"), max_length=100)
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="a_refund_line_is_never_negative"),
        ]

    def __str__(self) -> str:
        return self.sku


class Parked(models.Model):
    """A row whose parent has not come yet. It is applied in the transaction that stores the parent, and leaves this list.

    A refund waits for its order; an event waits for the member whose identity it carries, sealed, and is found by `blinds`.
    """

    class Why(models.TextChoices):
        NO_PARENT = "no_parent", _("waits for its order")
        NO_MEMBER = "no_member", _("waits for its member")
        TOO_MUCH = "too_much", _("above what is left of its order")

    kind = models.CharField(_("kind"), max_length=10)
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    waits_for = models.CharField(_("waits for"), max_length=200)
    row = models.JSONField(_("row"))
    sealed = models.BinaryField(null=True, editable=False)
    blinds = ArrayField(models.BinaryField(), null=True, editable=False)
    blind_key = models.CharField(max_length=40, blank=True, editable=False)
    parked_at = models.DateTimeField(_("since"))
    why = models.CharField(_("why"), max_length=10, choices=Why.choices, default=Why.NO_PARENT)
    alarmed_at = models.DateTimeField(_("alarm rang"), null=True)

    class Meta:
        verbose_name = _("parked row")
        verbose_name_plural = _("parked rows")
        constraints = [
            models.UniqueConstraint(fields=["kind", "source", "external_id"], name="a_row_is_parked_once"),
            models.CheckConstraint(
                condition=~Q(why="too_much") | Q(alarmed_at__isnull=False), name="a_row_that_cannot_be_applied_has_rung"
            ),
            models.CheckConstraint(
                condition=~Q(why="no_member") | Q(sealed__isnull=False, blinds__isnull=False),
                name="a_row_that_waits_for_a_member_is_sealed",
            ),
        ]
        indexes = [
            # Serves the arrival of parents.
            models.Index(fields=["source", "waits_for"], name="parked_by_parent"),
            # Serves the arrival of members.
            GinIndex(fields=["blinds"], name="parked_by_identity"),
            # Serves the alarm on those that wait too long.
            models.Index(fields=["parked_at"], condition=Q(alarmed_at=None), name="parked_in_silence"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
