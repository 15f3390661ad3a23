"""Two members were found to be one person. What went over is remembered, so that it can be given back."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member


class Merge(models.Model):
    """`moved`: label of a table -> the keys of its rows that went from `drop` to `keep`. Undone at most once (a trigger)."""

    keep = models.ForeignKey(Member, models.PROTECT, related_name="+", verbose_name=_("stays"))
    drop = models.ForeignKey(Member, models.PROTECT, related_name="+", verbose_name=_("is merged into it"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("at"))
    moved = models.JSONField(_("what went over"), default=dict)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        permissions = [("undo_merge", "Can undo a merge")]
        constraints = [
            models.CheckConstraint(condition=~Q(keep=F("drop")), name="a_merge_joins_two_members"),
            models.UniqueConstraint(
                fields=["drop"], condition=Q(undone_at=None), name="a_member_is_merged_into_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None, undone_by="") | Q(undone_at__isnull=False) & ~Q(undone_by=""),
                name="who_undoes_a_merge_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
