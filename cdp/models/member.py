"""One real person, and the identities that name them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cdp.models.source import Source


class Member(models.Model):
    """Never deleted by a merge: the one that goes points at the one who stands for it, who is never merged away itself."""

    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"), default=False, help_text=_("Personal details are generated, not real.")
    )
    created_at = models.DateTimeField(_("created"))
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("merged into")
    )
    # A tombstone: the ledger and the figures stay under its number, nothing personal does.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("merge_member", "Can merge members"),
            ("export_member", "Can export all that is held on a member"),
            ("export_list", "Can export lists of members"),
            ("export_personal", "Can export lists of members with their phones in the clear"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=F("id")), name="a_member_is_not_merged_into_itself"
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(attributes={}), name="an_erased_member_has_no_attributes"
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(registered_at=None, synthetic=False),
                name="nothing_else_is_known_of_an_erased_member",
            ),
        ]
        indexes = [
            # Serves the rows that stay with who made them: all members that one person was.
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="member_merged_into_another"
            ),
            # Serves the last look at those who were erased of late.
            models.Index(fields=["erased_at"], condition=Q(erased_at__isnull=False), name="member_erased"),
        ]

    def __str__(self) -> str:
        if self.erased_at:
            return str(_("erased #%(number)d") % {"number": self.pk})
        return self.attributes.get("name") or f"#{self.pk}"

    @property
    def numbered(self) -> str:
        """The name with the number, where two of one name are told apart; the number once where there is no name."""
        return f"{self} · #{self.pk}" if self.attributes.get("name") else str(self)


class Identity(models.Model):
    """(kind, app, value) names one member. The value is sealed; it is found by its blind index only, under the version of
    the blind key that `blind_key` names (ground/blinds.py).
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="identities", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=40)
    app = models.CharField(_("app"), max_length=64, blank=True)
    blind = models.BinaryField(max_length=32)
    blind_key = models.CharField(max_length=40)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(_("created"))
    source = models.ForeignKey(
        Source, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("told first by")
    )
    # Which other one in its row brought it to a member that was there: when a merge is undone, it goes where that one goes.
    brought_by = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False, editable=False
    )
    weak_since = models.DateTimeField(
        _("weak since"), null=True, help_text=_("More members named themselves with it than its cap allows.")
    )

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [models.UniqueConstraint(fields=["kind", "app", "blind"], name="one_identity_names_one_member")]
        permissions = [("reveal_identity", "Can see identities in the clear")]

    def __str__(self) -> str:
        return f"{self.kind}@{self.app}" if self.app else self.kind


class DataKey(models.Model):
    """What a member's personal event properties are sealed under, wrapped under FIELD_KEY. Gone, they are gone (datakeys.py)."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("member"))
    sealed_key = models.BinaryField()
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("data key")
        verbose_name_plural = _("data keys")
        constraints = [models.UniqueConstraint(fields=["member"], name="a_member_has_one_data_key")]

    def __str__(self) -> str:
        return str(self.pk)
