"""A journey is data: a document, published as immutable versions, one of which is live."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Journey(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        DRAINED = "drained", _("drained")
        ARCHIVED = "archived", _("archived")

    key = models.CharField(_("key"), max_length=60, unique=True)
    name = models.JSONField(_("name"), default=dict)
    priority = models.PositiveSmallIntegerField(_("priority"), default=50)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT)
    draft = models.JSONField(_("draft"), default=dict, blank=True)
    live = models.ForeignKey(
        "JourneyVersion", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("live version")
    )

    class Meta:
        verbose_name = _("journey")
        verbose_name_plural = _("journeys")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["live", "paused", "drained"]) | Q(live__isnull=False),
                name="a_journey_that_runs_has_a_version",
            ),
        ]

    def __str__(self) -> str:
        language = "zh" if (get_language() or "zh").startswith("zh") else "en"
        return self.name.get(language) or self.key


class JourneyVersion(models.Model):
    """Frozen (a trigger refuses every change): what is published stays what was published."""

    journey = models.ForeignKey(Journey, models.PROTECT, related_name="versions", verbose_name=_("journey"))
    number = models.PositiveIntegerField(_("number"))
    document = models.JSONField(_("document"))
    published_at = models.DateTimeField(_("published"))
    published_by = models.CharField(_("published by"), max_length=150)

    class Meta:
        verbose_name = _("journey version")
        verbose_name_plural = _("journey versions")
        constraints = [models.UniqueConstraint(fields=["journey", "number"], name="a_version_has_its_number")]

    def __str__(self) -> str:
        return self.origin

    @property
    def origin(self) -> str:
        """On whose account its effects happen."""
        return f"journey:{self.journey.key}@{self.number}"
