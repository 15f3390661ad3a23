"""What we know of a member as of an instant: sums and instants, never numbers that go stale."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member


class Stage(models.TextChoices):
    NEW = "new", _("registered, no purchase")
    FIRST_PURCHASE = "first_purchase", _("first purchase")
    ACTIVE = "active", _("repurchasing")
    CRITICAL = "critical", _("critical for repurchase")
    DORMANT = "dormant", _("dormant")
    CHURNED = "churned", _("churned")


class ValueTier(models.TextChoices):
    TOP = "top", _("top value")
    MIDDLE = "middle", _("middle value")
    BASE = "base", _("base value")


class Profile(models.Model):
    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, verbose_name=_("member"))
    orders = models.PositiveIntegerField(_("orders"))
    purchase_days = models.PositiveIntegerField(_("purchase days"))
    first_order_at = models.DateTimeField(_("first order"), null=True)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    amount = models.BigIntegerField(_("net amount"))
    amount_365 = models.BigIntegerField(_("net amount, 365 days"))
    interval_count = models.PositiveIntegerField(_("repurchase intervals"))
    interval_sum = models.PositiveIntegerField(_("sum of repurchase intervals"), help_text=_("days"))
    expected_interval = models.FloatField(_("expected interval"), help_text=_("days"))
    next_order_due = models.DateTimeField(_("next order due"), null=True)
    stage = models.CharField(_("stage"), max_length=16, choices=Stage.choices, blank=True)
    value_tier = models.CharField(_("value tier"), max_length=8, choices=ValueTier.choices, blank=True)
    tags = ArrayField(models.BigIntegerField(), verbose_name=_("tags"), default=list, help_text=_("In force then."))
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        indexes = [
            models.Index(fields=["stage", "value_tier"], name="profile_by_placement"),
            # Serves the lists and counts by tag.
            GinIndex(fields=["tags"], name="profile_by_tag"),
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class PopulationRun(models.Model):
    """Figures of the whole population, once per brand day, from facts before its local midnight."""

    day = models.DateField(_("day"), primary_key=True)
    as_of = models.DateTimeField(_("as of"))
    base_interval = models.PositiveIntegerField(_("base interval"), help_text=_("days"))
    middle_cut = models.BigIntegerField(_("middle tier from"), null=True)
    top_cut = models.BigIntegerField(_("top tier from"), null=True)
    turned_at = models.DateTimeField(_("everybody placed"), null=True)
    swept_at = models.DateTimeField(_("what is kept no longer gone"), null=True)
    watched_at = models.DateTimeField(_("sources looked at"), null=True)

    class Meta:
        verbose_name = _("population run")
        verbose_name_plural = _("population runs")

    def __str__(self) -> str:
        return str(self.day)


class Placement(models.Model):
    """A beginning: from `since` on the member stands at `value` of the axis. It ends where the next one begins."""

    class Axis(models.TextChoices):
        STAGE = "stage", _("lifecycle stage")
        VALUE_TIER = "value_tier", _("value tier")

    member = models.ForeignKey(
        Member, models.CASCADE, related_name="placements", db_index=False, verbose_name=_("member")
    )
    axis = models.CharField(_("axis"), max_length=20, choices=Axis.choices)
    value = models.CharField(_("value"), max_length=20)
    since = models.DateTimeField(_("since"))
    why = models.JSONField(_("why"), default=dict)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        constraints = [
            models.UniqueConstraint(fields=["member", "axis", "since"], name="a_placement_begins_once_at_an_instant")
        ]

    def __str__(self) -> str:
        return f"{self.axis}={self.value}"
