"""Behaviour at an instant. Partitioned by month of `occurred_at`; nothing holds a foreign key to it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.source import Source


class Event(models.Model):
    pk = models.CompositePrimaryKey("id", "occurred_at")
    id = models.BigIntegerField()
    occurred_at = models.DateTimeField(_("occurred"))
    # That the two exist, a trigger sees to once per statement (migration 0027): neither is ever deleted.
    member = models.ForeignKey(
        Member, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, verbose_name=_("member")
    )
    # What named the member when the event came; our own events have none.
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, editable=False
    )
    source = models.ForeignKey(
        Source, models.DO_NOTHING, related_name="+", db_constraint=False, verbose_name=_("source")
    )
    external_id = models.CharField(_("external id"), max_length=200)
    type = models.CharField(_("type"), max_length=50)
    properties = models.JSONField(_("properties"), default=dict)
    sealed = models.BinaryField(null=True)  # the personal properties, under a data key of the member
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        managed = False  # created by migration as a partitioned table

    def __str__(self) -> str:
        return self.type


class EventType(models.Model):
    """What a brand says of a kind of event: its name, which of its properties are personal, how long it is kept."""

    code = models.CharField(_("code"), max_length=50, unique=True, help_text=_("as it stands in the events, like quiz"))
    label = models.CharField(_("name"), max_length=100, blank=True)
    personal = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("personal properties"),
        default=list,
        blank=True,
        help_text=_("Names between commas. They are kept sealed under a key of the member, and go with that key."),
    )
    retention_days = models.PositiveIntegerField(
        _("kept for"), null=True, blank=True, help_text=_("days; empty: for ever")
    )
    deleted = models.BigIntegerField(_("deleted so far"), default=0, db_default=0, editable=False)
    swept_at = models.DateTimeField(_("last looked through"), null=True, editable=False)

    class Meta:
        verbose_name = _("event type")
        verbose_name_plural = _("event types")
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[a-z][a-z0-9_.]{0,49}$"), name="an_event_type_is_a_code"),
            # A dot is in the types of our own events only.
            models.CheckConstraint(
                condition=~Q(code__contains=".") | Q(personal=[]), name="our_own_events_say_nothing_personal"
            ),
            models.CheckConstraint(
                condition=Q(retention_days=None) | Q(retention_days__gte=1), name="what_is_kept_is_kept_a_day_at_least"
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.code
