"""No marketing send without consent: an append-only record of what was said, and the state in force."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member


class State(models.TextChoices):
    GRANTED = "granted", _("granted")
    WITHDRAWN = "withdrawn", _("withdrawn")


class Consent(models.Model):
    """The state in force: the latest record by its instant; at the same instant a withdrawal wins."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="consents", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20)
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("consent in force")
        verbose_name_plural = _("consents in force")
        constraints = [
            models.UniqueConstraint(fields=["member", "channel", "purpose"], name="one_consent_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose} {self.state}"


class ConsentRecord(models.Model):
    """Append-only (a trigger refuses the rest): what was said, when, with which evidence."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20)
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    at = models.DateTimeField(_("at"))
    evidence = models.CharField(_("evidence"), max_length=200)
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "channel", "purpose", "at", "state"], name="a_consent_is_recorded_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose} {self.state}"
