"""What decides whose a row is: the brand's rules, who named whom with what, and pairs that may be one person."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.source import Source


class IdentityRule(models.Model):
    """What a kind of identity is worth when a source says it. A rule of a source goes before the rule of every source."""

    class Strength(models.TextChoices):
        STRONG = "strong", _("strong: names a person")
        WEAK = "weak", _("weak: names a thing that people share")

    source = models.ForeignKey(
        Source, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("source"),
        help_text=_("Empty: every source."),
    )  # fmt: skip
    kind = models.CharField(_("kind"), max_length=40)
    strength = models.CharField(_("strength"), max_length=6, choices=Strength.choices)
    trusted = models.BooleanField(
        _("joins members"), null=True, blank=True, help_text=_("Empty: as the source is trusted.")
    )
    single = models.BooleanField(_("one value a person"), default=False)
    cap = models.PositiveIntegerField(
        _("members at most"), null=True, blank=True,
        help_text=_("Named by more members than this, a value turns weak. Empty: by any number."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("identity rule")
        verbose_name_plural = _("identity rules")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind"], nulls_distinct=False, name="one_rule_per_source_and_kind"
            ),
            models.CheckConstraint(condition=Q(strength__in=["strong", "weak"]), name="a_kind_is_strong_or_weak"),
            models.CheckConstraint(condition=Q(cap=None) | Q(cap__gte=1), name="a_cap_leaves_somebody"),
            models.CheckConstraint(condition=~Q(strength="weak", trusted=True), name="what_is_weak_joins_nobody"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} @ {self.source or '*'}"


class Telling(models.Model):
    """A source that named an identity after another had (who was first stands in the identity itself)."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="tellings", db_index=False)
    source = models.ForeignKey(Source, models.CASCADE, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("telling")
        verbose_name_plural = _("tellings")
        constraints = [
            models.UniqueConstraint(fields=["identity", "source"], name="a_source_tells_of_an_identity_once")
        ]

    def __str__(self) -> str:
        return f"{self.identity_id} @ {self.source_id}"


class IdentityUse(models.Model):
    """A member other than its owner named itself together with an identity; counted until the identity turns weak."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="uses", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("use of an identity")
        verbose_name_plural = _("uses of identities")
        constraints = [models.UniqueConstraint(fields=["identity", "member"], name="a_use_counts_once")]

    def __str__(self) -> str:
        return f"{self.identity_id} {self.member_id}"


class MergeCandidate(models.Model):
    """Two members that may be one person. `due`: their sources say so, and the pair is joined as soon as it may be."""

    class State(models.TextChoices):
        OPEN = "open", _("to be reviewed")
        DUE = "due", _("to be joined")
        JOINED = "joined", _("joined")
        DISMISSED = "dismissed", _("kept apart")
        OVERTAKEN = "overtaken", _("overtaken")

    low = models.ForeignKey(Member, models.CASCADE, related_name="+", db_index=False, verbose_name=_("older member"))
    high = models.ForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("newer member"))
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+", verbose_name=_("source"))
    score = models.PositiveSmallIntegerField(_("score"))
    basis = ArrayField(models.BigIntegerField(), editable=False)  # identities that brought them together
    evidence = models.JSONField(_("evidence"), default=dict, editable=False)
    made_at = models.DateTimeField(_("proposed"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        permissions = [("decide_mergecandidate", "Can join two members or keep them apart")]
        constraints = [
            models.UniqueConstraint(
                fields=["low", "high"], condition=Q(state__in=["open", "due"]), name="a_pair_is_proposed_once_at_a_time"
            ),
            models.CheckConstraint(condition=Q(low__lt=F("high")), name="a_pair_is_two_the_older_first"),
            models.CheckConstraint(condition=Q(score__lte=100), name="a_score_is_0_to_100"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "due"], decided_at=None)
                | Q(state__in=["joined", "dismissed", "overtaken"], decided_at__isnull=False),
                name="a_decision_has_a_time",
            ),
        ]
        indexes = [
            # Serves what was decided about a pair before.
            models.Index(fields=["low", "high"], name="candidate_by_pair"),
            # Serves the tick, and the review.
            models.Index(fields=["state", "made_at"], name="candidate_by_state"),
            # Serves the closing of those that rest on an identity that turned weak.
            GinIndex(fields=["basis"], condition=Q(state__in=["open", "due"]), name="candidate_by_basis"),
        ]

    def __str__(self) -> str:
        return f"#{self.low_id} + #{self.high_id}"
