"""What is in the rule engine's hands at this moment. A row that nobody holds any more is what ended its process."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class MatchTry(models.Model):
    """Written and taken away in transactions of its own, on a session that holds a lock on its number meanwhile."""

    ruleset = models.CharField(_("rules"), max_length=64)
    members = ArrayField(models.BigIntegerField(), verbose_name=_("members"))
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("attempt at matching")
        verbose_name_plural = _("attempts at matching")
        constraints = [
            models.CheckConstraint(condition=Q(members__len__gt=0), name="a_try_names_its_members"),
        ]
        # Serves the look before each match: what ended a process under these rules.
        indexes = [models.Index(fields=["ruleset"], name="match_try_by_ruleset")]

    def __str__(self) -> str:
        return f"{self.ruleset[:8]} {self.at:%F %T}"
