"""Named facts in five families, and who carries them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Member
from cdp.models.source import Source

BRAND = 0  # no identity has this id


class Family(models.TextChoices):
    IDENTITY = "identity", _("personal identity")
    CONSUMPTION = "consumption", _("consumption")
    PREFERENCE = "preference", _("preference")
    CHANNEL = "channel", _("channel")
    BEHAVIOUR = "behaviour", _("behaviour")


class Tag(models.Model):
    family = models.CharField(_("family"), max_length=12, choices=Family.choices)
    name = models.CharField(_("name"), max_length=50)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [
            models.UniqueConstraint(fields=["family", "name"], name="a_tag_stands_once_in_its_family"),
            models.CheckConstraint(condition=Q(family__in=Family.values), name="a_tag_has_one_of_five_families"),
            models.CheckConstraint(condition=~Q(name=""), name="a_tag_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.family}:{self.name}"


class MemberTag(models.Model):
    """Carried from `since` until `expires_at` (None: for good). Given again once it expired, it begins anew."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="tags", db_index=False, verbose_name=_("member"))
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="carried", db_index=False, verbose_name=_("tag"))
    source = models.ForeignKey(
        Source, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("source")
    )
    since = models.DateTimeField(_("since"))
    expires_at = models.DateTimeField(_("until"), null=True)
    origin = models.CharField(_("origin"), max_length=120)  # on whose account: "source:crm", "admin:li"
    cause = models.UUIDField(_("cause"), null=True)  # what exactly gave it, where that is one thing
    # The identities that named the member who carries it, and BRAND where others came after the brand: whose it is when a merge
    # is undone.
    said_by = ArrayField(models.BigIntegerField(), default=list, editable=False)

    class Meta:
        verbose_name = _("member's tag")
        verbose_name_plural = _("members' tags")
        constraints = [
            models.UniqueConstraint(fields=["member", "tag"], name="a_member_carries_a_tag_once"),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=models.F("since")), name="a_tag_ends_after_it_begins"
            ),
        ]
        indexes = [
            # Serves a condition over everybody, and the counts: who carries a tag.
            models.Index(fields=["tag", "member"], include=["since", "expires_at"], name="membertag_by_tag"),
        ]

    def __str__(self) -> str:
        return str(self.tag_id)
