"""One real person, and the identities that name them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Member(models.Model):
    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("Personal details are generated, not real.")
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("export_member", "Can export members"),
            ("export_personal", "Can export members with their phones in the clear"),
        ]

    def __str__(self) -> str:
        return self.attributes.get("name") or f"#{self.pk}"


class Identity(models.Model):
    """(kind, app, value) names one member. The value is sealed; it is found by its blind index only."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="identities", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=40)
    app = models.CharField(_("app"), max_length=64, blank=True)
    blind = models.BinaryField(max_length=32)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [models.UniqueConstraint(fields=["kind", "app", "blind"], name="one_identity_names_one_member")]

    def __str__(self) -> str:
        return f"{self.kind}@{self.app}" if self.app else self.kind
