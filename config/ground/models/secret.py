"""What the database knows of the keys that it does not hold."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class BlindKey(models.Model):
    """A version of the blind key that rows may have: one is written, the others are looked up until no row has them."""

    id = models.CharField(_("version"), max_length=40, primary_key=True)
    written = models.BooleanField(_("written"), default=False)
    proof = models.BinaryField()  # two hosts that have the same key make the same one

    class Meta:
        verbose_name = _("blind key")
        verbose_name_plural = _("blind keys")
        constraints = [
            models.UniqueConstraint(fields=["written"], condition=Q(written=True), name="one_blind_key_is_written")
        ]

    def __str__(self) -> str:
        return self.id


class WrappedKey(models.Model):
    """A key that the database keeps for itself, wrapped under FIELD_KEY, so that a change of FIELD_KEY wraps it anew."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    sealed = models.BinaryField()

    class Meta:
        verbose_name = _("wrapped key")
        verbose_name_plural = _("wrapped keys")

    def __str__(self) -> str:
        return self.name
