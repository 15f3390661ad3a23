"""Groups of members by a condition or by hand, and tags by a condition. What a definition asks for comes before it: at a lower
level, so that nothing asks for itself, however far round. A trigger holds to that over both tables (migration 0036).
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member
from cdp.models.tag import Tag


class Definition(models.Model):
    """`needs`: what its condition asks for, as `segment:KEY` and `tag:family:name`. `timed`: it may change while nothing is told
    of a member. `judged_at`: as of when everybody was judged; None: never since it was saved.
    """

    condition = models.JSONField(_("condition"), null=True)
    needs = ArrayField(models.TextField(), default=list)
    level = models.PositiveSmallIntegerField(default=0)
    timed = models.BooleanField(default=True)
    judged_at = models.DateTimeField(_("everybody judged"), null=True)

    class Meta:
        abstract = True


class Segment(Definition):
    """Without a condition it is a fixed list."""

    key = models.CharField(_("key"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60, blank=True)
    ready = models.BooleanField(_("ready-made"), default=False)
    members = models.PositiveIntegerField(_("members"), default=0, help_text=_("When they were last counted."))

    class Meta:
        verbose_name = _("member segment")
        verbose_name_plural = _("member segments")
        constraints = [
            models.UniqueConstraint(fields=["key"], name="a_segment_has_a_key_of_its_own"),
            models.CheckConstraint(
                condition=Q(key__regex=r"^[a-z][a-z0-9-]*$"), name="the_key_of_a_segment_is_a_plain_word"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="a_segment_has_a_name"),
        ]

    def __str__(self) -> str:
        """As its reader reads it."""
        return self.name if (get_language() or "").startswith("zh") else self.name_en or self.name


class TagRule(Definition):
    """Who fulfils the condition carries the tag, as long as they do."""

    tag = models.ForeignKey(Tag, models.PROTECT, related_name="rules", db_index=False, verbose_name=_("tag"))

    class Meta:
        verbose_name = _("tag rule")
        verbose_name_plural = _("tag rules")
        constraints = [
            models.UniqueConstraint(fields=["tag"], name="a_tag_has_one_rule"),
            models.CheckConstraint(condition=Q(condition__isnull=False), name="a_tag_rule_has_a_condition"),
        ]

    def __str__(self) -> str:
        return str(self.tag)


class SegmentMember(models.Model):
    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="belonging", db_index=False, verbose_name=_("segment")
    )
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="segments", db_index=False, verbose_name=_("member")
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("member of a segment")
        verbose_name_plural = _("members of segments")
        constraints = [
            models.UniqueConstraint(fields=["segment", "member"], name="a_member_is_in_a_segment_once"),
        ]
        indexes = [
            # Serves what a member is in: the member page, a merge, an erasure, the passes over a few.
            models.Index(fields=["member", "segment"], include=["since"], name="segmentmember_by_member"),
        ]

    def __str__(self) -> str:
        return str(self.segment_id)


class SegmentSize(models.Model):
    """How many were in it when a day of the brand was last counted."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="sizes", db_index=False, verbose_name=_("segment")
    )
    day = models.DateField(_("day"))
    members = models.PositiveIntegerField(_("members"))

    class Meta:
        verbose_name = _("size of a segment")
        verbose_name_plural = _("sizes of segments")
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="a_segment_has_one_size_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.members}"
