"""Which enrolment an order is credited to: at most one per model of attribution."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from automation.models.enrolment import Enrolment
from cdp.models import Order


class Conversion(models.Model):
    class Model(models.TextChoices):
        LAST_TOUCH = "last_touch", _("last touch")

    order = models.ForeignKey(Order, models.PROTECT, related_name="+", db_index=False, verbose_name=_("order"))
    model = models.CharField(_("attribution"), max_length=12, choices=Model.choices)
    enrolment = models.ForeignKey(Enrolment, models.PROTECT, related_name="conversions", verbose_name=_("enrolment"))
    message = models.UUIDField(_("message"))
    amount = models.BigIntegerField(_("amount"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("conversion")
        verbose_name_plural = _("conversions")
        constraints = [
            models.UniqueConstraint(fields=["order", "model"], name="an_order_is_credited_once_per_model"),
        ]
        # Serves the roll-up of a day.
        indexes = [models.Index(fields=["at"], name="conversion_by_time")]

    def __str__(self) -> str:
        return f"{self.order_id} {self.model}"
