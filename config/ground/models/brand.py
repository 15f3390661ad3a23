"""The one brand of an installation."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


def default_stages() -> dict[str, float]:
    """The lifecycle factors and floors (days) of the glossary; kept as data so that a brand may change them."""
    return {
        "churned_factor": 3.0,
        "churned_floor": 365,
        "dormant_factor": 1.5,
        "dormant_floor_once": 180,
        "dormant_floor": 30,
        "critical_factor": 0.8,
        "critical_floor": 0,
        "default_interval": 90,
        "shrinkage": 3,
    }


def default_value_tiers() -> dict[str, float]:
    """Shares of the population below the cut, over members with a positive 365-day net amount."""
    return {"top": 0.95, "middle": 0.70}


def default_mall_stages() -> dict[str, float]:
    """Days since the first login, and since the last one."""
    return {"newcomer_days": 30, "mature_days": 90, "declining_days": 180}


class BrandManager(models.Manager["Brand"]):
    def the(self) -> Brand:
        """The one brand of this installation, seeded by migration."""
        return self.get(pk=1)


class Brand(models.Model):
    """One row: whose members these are, and which time it is for them."""

    class Clock(models.TextChoices):
        WALL = "wall", _("wall clock")
        REPLAY = "replay", _("replay")

    name = models.CharField(_("name"), max_length=100)
    timezone = models.CharField(_("timezone"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    stages = models.JSONField(_("stage thresholds"), default=default_stages)
    value_tiers = models.JSONField(_("value tier shares"), default=default_value_tiers)
    mall_stages = models.JSONField(_("mall stage thresholds"), default=default_mall_stages)
    parked_for = models.CharField(
        _("patience with parked rows"),
        max_length=10,
        default="P30D",
        help_text=_("An alarm rings for a row that waited this long for the one it belongs to, like P30D or PT12H."),
    )
    clock_mode = models.CharField(_("clock"), max_length=6, choices=Clock.choices, default=Clock.WALL)
    clock_at = models.DateTimeField(_("clock stands at"), null=True, blank=True)

    objects = BrandManager()

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_brand"),
            models.CheckConstraint(
                condition=Q(parked_for__regex=r"^P([1-9][0-9]{0,2}W|[1-9][0-9]{0,2}D|T[1-9][0-9]{0,3}H)$"),
                name="patience_is_a_duration",
            ),
            models.CheckConstraint(
                condition=Q(clock_mode="wall", clock_at=None) | Q(clock_mode="replay", clock_at__isnull=False),
                name="a_replay_clock_has_an_instant",
            ),
        ]

    def __str__(self) -> str:
        return self.name
