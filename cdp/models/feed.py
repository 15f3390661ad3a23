"""The one queue: who is to be told what about which member. A reader's effects commit with the row's removal."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member


class FeedRow(models.Model):
    reader = models.CharField(_("reader"), max_length=20)
    kind = models.CharField(_("kind"), max_length=60)
    ref = models.BigIntegerField(_("reference"))
    # That the member exists, a trigger sees to once per statement (migration 0027): members are never deleted.
    member = models.ForeignKey(
        Member, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False, verbose_name=_("member")
    )
    at = models.DateTimeField(_("occurred"))
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    parked = models.BooleanField(_("parked"), default=False)

    class Meta:
        verbose_name = _("feed row")
        verbose_name_plural = _("feed")
        constraints = [
            models.UniqueConstraint(fields=["reader", "kind", "ref"], name="a_reader_is_told_once"),
        ]
        indexes = [
            # Serves the claim: the waiting members of one reader, in id order.
            models.Index(fields=["reader", "member"], condition=models.Q(parked=False), name="feed_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.kind}"


class Interest(models.Model):
    """What a reader wants to hear; written in the transaction that publishes what needs it."""

    reader = models.CharField(_("reader"), max_length=20)
    kind = models.CharField(_("kind"), max_length=60)

    class Meta:
        verbose_name = _("interest")
        verbose_name_plural = _("interests")
        constraints = [models.UniqueConstraint(fields=["reader", "kind"], name="an_interest_is_noted_once")]

    def __str__(self) -> str:
        return f"{self.reader} {self.kind}"
