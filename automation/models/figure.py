"""A figure of a brand day, kept so that a dashboard reads rows and not history. Rolling a day up again replaces its rows."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Figure(models.Model):
    day = models.DateField(_("day"))
    key = models.CharField(_("figure"), max_length=40)
    dimensions = models.JSONField(_("dimensions"), default=dict)
    value = models.BigIntegerField(_("value"))

    class Meta:
        verbose_name = _("figure")
        verbose_name_plural = _("figures")
        constraints = [
            models.UniqueConstraint(fields=["day", "key", "dimensions"], name="a_figure_stands_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.key}"
