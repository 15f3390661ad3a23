"""What on-call and auditors read: alarms, the audit trail, proof of consumption."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Alarm(models.Model):
    """Something that needs a human. Raised once per subject until it is closed; repeats only count."""

    subject = models.CharField(_("subject"), max_length=200)
    detail = models.TextField(_("detail"))
    said = models.JSONField(default=dict, db_default={})  # the values in it
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    count = models.PositiveIntegerField(_("times"), default=1)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(fields=["subject"], condition=Q(closed_at=None), name="one_open_alarm_per_subject")
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def text(self) -> str:
        """What it says, in the reader's language."""
        return gettext(self.detail) % self.said if self.said else self.detail


class AuditRow(models.Model):
    """Who did what, written in the transaction that did it. `at` is the brand's time, `recorded_at` the database's."""

    at = models.DateTimeField(_("at"), db_index=True)
    recorded_at = models.DateTimeField(_("recorded"), null=True, db_default=Now(), editable=False)
    actor = models.CharField(_("actor"), max_length=150)
    action = models.CharField(_("action"), max_length=100)
    subject = models.CharField(_("subject"), max_length=200)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit trail")
        # Serves the question how often somebody did something of late.
        indexes = [models.Index(fields=["actor", "action", "recorded_at"], name="audit_by_actor")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"


class Heartbeat(models.Model):
    """Proof of consumption: when a worker last executed a canary that `name` had sent (database's clock)."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    seen_at = models.DateTimeField(_("seen"), null=True)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
