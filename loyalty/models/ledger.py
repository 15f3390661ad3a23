"""Every change of points is one appended entry of transfers between books, so it sums to zero by construction. Entries
and legs are never updated, deleted or truncated (triggers refuse it); lots and balances are derived from them.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.programme import PointsAccount


class Book(models.TextChoices):
    """A member's books hold what the member has or owes; the programme's say where points come from and go to."""

    AVAIL = "M:avail", _("member: available")
    PEND = "M:pend", _("member: pending")
    HOLD = "M:hold", _("member: held")
    DEBT = "M:debt", _("member: owed")
    ISSUED = "P:issued", _("programme: issued")
    SPENT = "P:spent", _("programme: spent")
    EXPIRED = "P:expired", _("programme: expired")
    CLAWED = "P:clawed", _("programme: clawed back")
    ADJUST = "P:adjust", _("programme: adjusted")
    MOVED = "P:moved", _("programme: on the way to another account")


class Entry(models.Model):
    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        GRANT = "grant", _("granted")
        UNDO = "undo", _("undone")
        # Members become one, or part: each of these has its counterpart in the other account.
        MOVE_OUT = "move_out", _("moved away")
        MOVE_IN = "move_in", _("moved here")
        DEBT_OUT = "debt_out", _("debt moved away")
        DEBT_IN = "debt_in", _("debt moved here")
        REPAY = "repay", _("paid a debt")

    account = models.ForeignKey(
        PointsAccount, models.PROTECT, related_name="entries", db_index=False, verbose_name=_("points account")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = models.DecimalField(_("points"), max_digits=18, decimal_places=2)
    cause = models.UUIDField(_("cause"))
    origin = models.CharField(_("origin"), max_length=120)
    input_hash = models.BinaryField(max_length=16)
    result = models.JSONField(_("result"))
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", verbose_name=_("undoes")
    )
    source_type = models.CharField(_("source type"), max_length=20, blank=True)
    source_id = models.BigIntegerField(_("source"), null=True, blank=True)
    source_line = models.PositiveIntegerField(_("source line"), default=0)  # 0: the whole of it
    reason = models.CharField(_("reason"), max_length=200)
    occurred_at = models.DateTimeField(_("occurred"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("points entry")
        verbose_name_plural = _("points entries")
        constraints = [
            models.UniqueConstraint(fields=["account", "cause"], name="a_cause_posts_once"),
            # The second net: the same order line cannot earn twice under another cause.
            models.UniqueConstraint(
                fields=["account", "source_type", "source_id", "source_line"],
                condition=Q(kind="earn"),
                name="an_order_line_earns_once",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="an_entry_moves_points"),
            models.CheckConstraint(
                condition=Q(kind="undo", reverses__isnull=False) | (~Q(kind="undo") & Q(reverses=None)),
                name="only_an_undo_reverses_an_entry",
            ),
        ]
        indexes = [
            # Serves what a journey or a partner gave: a sum by origin.
            models.Index(fields=["origin", "kind"], include=["amount"], name="entry_by_origin"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Leg(models.Model):
    """A transfer: what one book gives, the other takes."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="legs", verbose_name=_("points entry"))
    from_book = models.CharField(_("from"), max_length=10, choices=Book.choices)
    to_book = models.CharField(_("to"), max_length=10, choices=Book.choices)
    amount = models.DecimalField(_("points"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("leg")
        verbose_name_plural = _("legs")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_leg_moves_points"),
            models.CheckConstraint(condition=~Q(from_book=F("to_book")), name="a_leg_goes_to_another_book"),
            models.CheckConstraint(
                condition=Q(from_book__in=Book.values, to_book__in=Book.values), name="a_leg_names_known_books"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_book} → {self.to_book}"


class Lot(models.Model):
    """Points earned together, with one expiry. What became of them is in its parts; the parts make the whole."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        ACTIVE = "active", _("active")
        CLOSED = "closed", _("used up")

    account = models.ForeignKey(
        PointsAccount, models.PROTECT, related_name="lots", db_index=False, verbose_name=_("points account")
    )
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="lot", verbose_name=_("earned by"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    original = models.DecimalField(_("original"), max_digits=18, decimal_places=2)
    remaining = models.DecimalField(_("remaining"), max_digits=18, decimal_places=2)
    drawn = models.DecimalField(_("spent"), max_digits=18, decimal_places=2, default=0)
    expired = models.DecimalField(_("expired"), max_digits=18, decimal_places=2, default=0)
    clawed = models.DecimalField(_("clawed back"), max_digits=18, decimal_places=2, default=0)
    repaid = models.DecimalField(_("paid a debt"), max_digits=18, decimal_places=2, default=0)
    moved = models.DecimalField(_("moved away"), max_digits=18, decimal_places=2, default=0)
    # Where its points were first earned, however often they moved since: what claws back follows it.
    origin_lot = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("first earned as"),
    )
    available_at = models.DateTimeField(_("available from"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    original=F("remaining") + F("drawn") + F("expired") + F("clawed") + F("repaid") + F("moved")
                ),
                name="parts_make_the_whole_lot",
            ),
            models.CheckConstraint(
                condition=Q(
                    original__gt=0,
                    remaining__gte=0,
                    drawn__gte=0,
                    expired__gte=0,
                    clawed__gte=0,
                    repaid__gte=0,
                    moved__gte=0,
                ),
                name="a_lot_is_never_overdrawn",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", remaining=0) | Q(state__in=["pending", "active"], remaining__gt=0),
                name="a_lot_is_closed_when_nothing_remains",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("available_at")), name="a_lot_can_be_used_first"
            ),
        ]
        indexes = [
            # Serves spending: the lots of an account that expire soonest.
            models.Index(fields=["account", "expires_at", "id"], condition=Q(state="active"), name="lot_next_to_spend"),
            # Serves an undo: where the points of a lot are now.
            models.Index(fields=["origin_lot"], condition=Q(origin_lot__isnull=False), name="lot_by_origin"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
