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


class MallStage(models.TextChoices):
    NEWCOMER = "newcomer", _("newcomer")
    GROWING = "growing", _("growing")
    MATURE = "mature", _("mature")
    DECLINING = "declining", _("declining")


class Profile(models.Model):
    """The core: what stages and tiers are judged by, and where that puts the member. What changes seldom is in tables of its own
    (`Buying`, `Behaviour`), so that an order does not rewrite it all.
    """

    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, verbose_name=_("member"))
    orders = models.PositiveIntegerField(_("orders"))
    purchase_days = models.PositiveIntegerField(_("purchase days"))
    first_order_at = models.DateTimeField(_("first order"), null=True)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    amount = models.BigIntegerField(_("net amount"))
    orders_30 = models.PositiveIntegerField(_("orders, 30 days"), default=0, db_default=0)
    orders_90 = models.PositiveIntegerField(_("orders, 90 days"), default=0, db_default=0)
    orders_365 = models.PositiveIntegerField(_("orders, 365 days"), default=0, db_default=0)
    amount_30 = models.BigIntegerField(_("net amount, 30 days"), default=0, db_default=0)
    amount_90 = models.BigIntegerField(_("net amount, 90 days"), default=0, db_default=0)
    amount_365 = models.BigIntegerField(_("net amount, 365 days"))
    interval_count = models.PositiveIntegerField(_("repurchase intervals"))
    interval_sum = models.PositiveIntegerField(_("sum of repurchase intervals"), help_text=_("days"))
    expected_interval = models.FloatField(_("expected interval"), help_text=_("days"))
    next_order_due = models.DateTimeField(_("next order due"), null=True)
    stage = models.CharField(_("stage"), max_length=16, choices=Stage.choices, blank=True)
    value_tier = models.CharField(_("value tier"), max_length=8, choices=ValueTier.choices, blank=True)
    mall_stage = models.CharField(_("mall stage"), max_length=10, choices=MallStage.choices, blank=True, default="")
    tags = ArrayField(models.BigIntegerField(), verbose_name=_("tags"), default=list, help_text=_("In force then."))
    # The first instant at which time alone changes one of the sums, or the tags in force.
    sums_end_at = models.DateTimeField(_("sums change on"), null=True, editable=False)
    # That, or the first instant at which time alone moves the member on an axis, whichever comes first.
    next_change_at = models.DateTimeField(_("next change by time alone"), null=True, editable=False)
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        indexes = [
            # Serves the pass over those who are due.
            models.Index(fields=["next_change_at"], name="profile_by_next_change"),
            models.Index(fields=["stage", "value_tier"], name="profile_by_placement"),
            # Serves the lists and counts by tag.
            GinIndex(fields=["tags"], name="profile_by_tag"),
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class Buying(models.Model):
    """How a member buys: habits over all purchases. Who never bought has none. Shares are between 0 and 1."""

    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, verbose_name=_("member"))
    interval_spread = models.FloatField(_("spread of intervals"), null=True, help_text=_("days"))
    discount_share = models.FloatField(_("discount share"), null=True)
    price_sensitivity = models.FloatField(_("price sensitivity"), null=True)
    refund_share = models.FloatField(_("refund share"), null=True)
    top_categories = ArrayField(models.CharField(max_length=100), verbose_name=_("top categories"), default=list)
    category_shares = ArrayField(models.FloatField(), verbose_name=_("shares of the top categories"), default=list)
    preferred_channel = models.CharField(_("preferred channel"), max_length=50, blank=True)
    preferred_store = models.CharField(_("preferred store"), max_length=50, blank=True)
    preferred_hour = models.PositiveSmallIntegerField(_("preferred hour"), null=True)
    preferred_weekday = models.PositiveSmallIntegerField(_("preferred weekday"), null=True)
    weekend_share = models.FloatField(_("weekend share"), null=True)
    night_share = models.FloatField(_("night share"), null=True)
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("buying habits")
        verbose_name_plural = _("buying habits")

    def __str__(self) -> str:
        return str(self.member_id)


class Behaviour(models.Model):
    """What a member does besides buying, from events. Who did nothing that we know of has none."""

    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, verbose_name=_("member"))
    first_touch = models.CharField(_("first touch"), max_length=50, blank=True)
    first_touch_at = models.DateTimeField(_("first touched"), null=True)
    last_touch = models.CharField(_("last touch"), max_length=50, blank=True)
    last_active_at = models.DateTimeField(_("last active"), null=True)
    logins = models.PositiveIntegerField(_("logins"), default=0)
    login_days = models.PositiveIntegerField(_("login days"), default=0)
    first_login_at = models.DateTimeField(_("first login"), null=True)
    last_login_at = models.DateTimeField(_("last login"), null=True)
    dwell = models.BigIntegerField(_("dwell"), default=0, help_text=_("seconds"))
    searches = models.PositiveIntegerField(_("searches"), default=0)
    search_words = ArrayField(models.CharField(max_length=100), verbose_name=_("search words"), default=list)
    favourites = models.PositiveIntegerField(_("favourites"), default=0)
    reviews = models.PositiveIntegerField(_("reviews"), default=0)
    average_rating = models.FloatField(_("average rating"), null=True)
    tickets = models.PositiveIntegerField(_("tickets"), default=0)
    last_ticket_at = models.DateTimeField(_("last ticket"), null=True)
    virtual_share = models.FloatField(_("share of virtual redemptions"), null=True)
    redemption_hours = ArrayField(models.CharField(max_length=110), verbose_name=_("redemption hours"), default=list)
    as_of = models.DateTimeField(_("as of"))

    class Meta:
        verbose_name = _("behaviour")
        verbose_name_plural = _("behaviour")

    def __str__(self) -> str:
        return str(self.member_id)


class PopulationRun(models.Model):
    """Figures of the whole population, once per brand day, from facts before its local midnight."""

    day = models.DateField(_("day"), primary_key=True)
    as_of = models.DateTimeField(_("as of"))
    base_interval = models.PositiveIntegerField(_("base interval"), help_text=_("days"))
    middle_cut = models.BigIntegerField(_("middle tier from"), null=True)
    top_cut = models.BigIntegerField(_("top tier from"), null=True)
    # Of RFM, over members with a purchase: cut points, and means as a sum and a count (features/rfm.py).
    buyers = models.PositiveIntegerField(_("members with a purchase"), default=0, db_default=0)
    recency_cuts = ArrayField(models.IntegerField(), verbose_name=_("recency cuts"), null=True)
    frequency_cuts = ArrayField(models.IntegerField(), verbose_name=_("frequency cuts"), null=True)
    monetary_cuts = ArrayField(models.BigIntegerField(), verbose_name=_("monetary cuts"), null=True)
    recency_sum = models.BigIntegerField(_("sum of recency"), null=True, help_text=_("days"))
    frequency_sum = models.BigIntegerField(_("sum of frequency"), null=True)
    monetary_sum = models.BigIntegerField(_("sum of net amounts"), null=True)
    # The brand's thresholds as they were; they hold for the whole day. Empty in runs of before they were kept.
    terms = models.JSONField(_("thresholds"), default=dict)
    turned_at = models.DateTimeField(_("everybody placed"), null=True)
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
        MALL_STAGE = "mall_stage", _("mall stage")

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
