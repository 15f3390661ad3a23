"""What stays of an erasure, and what third parties told of a member."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member
from cdp.models.source import Source


class Reason(models.TextChoices):
    """A closed list: a reason in one's own words could name the person."""

    ASKED = "asked", _("the member asked for it")
    CLOSED = "closed", _("the membership ended")
    UNLAWFUL = "unlawful", _("there was no ground to hold it")
    AUTHORITY = "authority", _("an authority ordered it")


class ErasureReceipt(models.Model):
    """Proof that a member was erased. Append-only (a trigger refuses the rest); nothing in it is personal."""

    member = models.OneToOneField(Member, models.PROTECT, related_name="erasure", verbose_name=_("member"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices)
    actor = models.CharField(_("actor"), max_length=150)
    asked_at = models.DateTimeField(_("requested"))
    done_at = models.DateTimeField(_("done"))
    counts = models.JSONField(_("rows of each table"), default=dict)

    class Meta:
        verbose_name = _("erasure receipt")
        verbose_name_plural = _("erasure receipts")

    def __str__(self) -> str:
        return f"#{self.member_id}"


class ThirdPartyAttribute(models.Model):
    """Which attributes of a member a third party told last: they go when the member withdraws. The values stand at the member."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False, verbose_name=_("member"))
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, verbose_name=_("source"))
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("third party's attribute")
        verbose_name_plural = _("third parties' attributes")
        constraints = [
            models.UniqueConstraint(fields=["member", "name"], name="an_attribute_was_told_last_by_one"),
        ]

    def __str__(self) -> str:
        return self.name
