"""No marketing send without consent: an append-only record of what was said, and the state in force."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models.member import Identity, Member
from cdp.models.merge import Merge


class State(models.TextChoices):
    GRANTED = "granted", _("granted")
    WITHDRAWN = "withdrawn", _("withdrawn")


class Channel(models.TextChoices):
    """By which a member may be written to. ANY stands for all of them: a withdrawal of it holds for each."""

    ANY = "any", _("any channel")
    SMS = "sms", _("text message")
    EMAIL = "email", _("email")
    WECHAT = "wechat", _("WeChat")
    WECOM = "wecom", _("WeCom")
    PUSH = "push", _("app push")


class Purpose(models.TextChoices):
    """What the word is about. The last two have no channel of their own: they are said of ANY."""

    MARKETING = "marketing", _("marketing")
    SERVICE = "service", _("service notice")
    PROFILING = "profiling", _("being judged by what is known")
    THIRD_PARTY = "third_party", _("data from third parties")


WITHOUT_CHANNEL = (Purpose.PROFILING, Purpose.THIRD_PARTY)
KNOWN = Q(channel__in=Channel.values, purpose__in=Purpose.values) & (
    ~Q(purpose__in=WITHOUT_CHANNEL) | Q(channel=Channel.ANY)
)


class Consent(models.Model):
    """The state in force: the latest record by its instant; at the same instant a withdrawal wins."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="consents", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20)
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    at = models.DateTimeField(_("at"))
    # The merge that said it since the other had; empty where it is the member's own word.
    merge = models.ForeignKey(Merge, models.PROTECT, null=True, related_name="+", db_index=False, editable=False)

    class Meta:
        verbose_name = _("consent in force")
        verbose_name_plural = _("consents in force")
        constraints = [
            models.UniqueConstraint(fields=["member", "channel", "purpose"], name="one_consent_in_force"),
            models.CheckConstraint(condition=KNOWN, name="a_consent_is_about_something_known"),
        ]
        indexes = [
            # Serves every pass that leaves out who refuses to be judged; nearly nobody does.
            models.Index(
                fields=["member"],
                condition=Q(purpose=Purpose.PROFILING, state=State.WITHDRAWN),
                name="consent_refusing_profiling",
            ),
            # Serves the erasure of what third parties told.
            models.Index(
                fields=["member"],
                condition=Q(purpose=Purpose.THIRD_PARTY, state=State.WITHDRAWN),
                name="consent_refusing_third_party",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose} {self.state}"


class ConsentRecord(models.Model):
    """Append-only (a trigger refuses the rest): what was said, when, with which evidence. Only when the member is erased are the
    words that may be personal emptied: evidence, guardian and wording; that it was said stays.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20)
    purpose = models.CharField(_("purpose"), max_length=20)
    state = models.CharField(_("state"), max_length=9, choices=State.choices)
    at = models.DateTimeField(_("at"))
    evidence = models.CharField(_("evidence"), max_length=200)
    source = models.CharField(_("source"), max_length=50, blank=True, default="", db_default="")
    wording = models.CharField(_("wording"), max_length=50, blank=True, default="", db_default="")
    guardian = models.CharField(_("guardian"), max_length=100, blank=True, default="", db_default="")
    recorded_at = models.DateTimeField(_("recorded"))
    # Whose word it is when a merge is undone: the identity that named the member (empty: the member's number did), the merge
    # that said it since the other had, and the last merge that stood when it was said.
    identity = models.ForeignKey(
        Identity, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False, editable=False
    )
    merge = models.ForeignKey(Merge, models.PROTECT, null=True, related_name="+", db_index=False, editable=False)
    during = models.ForeignKey(Merge, models.PROTECT, null=True, related_name="+", db_index=False, editable=False)

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "channel", "purpose", "at", "state"],
                condition=Q(merge=None, during=None),
                name="a_consent_is_recorded_once",
            ),
            # While two are one, each may say the same.
            models.UniqueConstraint(
                fields=["member", "channel", "purpose", "at", "state", "identity", "merge", "during"],
                nulls_distinct=False,
                name="a_word_of_one_who_is_two_is_recorded_once",
            ),
            models.CheckConstraint(condition=KNOWN, name="a_word_is_about_something_known"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose} {self.state}"
