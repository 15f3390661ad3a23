"""Behaviour at an instant. Partitioned by month of `occurred_at`; nothing holds a foreign key to it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.source import Source


class Event(models.Model):
    pk = models.CompositePrimaryKey("id", "occurred_at")
    id = models.BigIntegerField()
    occurred_at = models.DateTimeField(_("occurred"))
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="+", verbose_name=_("member"))
    # What named the member when the event came; our own events have none.
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, editable=False
    )
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    type = models.CharField(_("type"), max_length=50)
    properties = models.JSONField(_("properties"), default=dict)
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        managed = False  # created by migration as a partitioned table

    def __str__(self) -> str:
        return self.type
