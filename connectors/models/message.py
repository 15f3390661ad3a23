"""The outbox: a message is one intended contact, a submission one HTTP call, an attempt one message in one of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models import Member
from connectors.models.account import ProviderAccount
from connectors.models.template import Purpose, Template, TemplateVersion


class State(models.TextChoices):
    READY = "ready", _("ready")
    INFLIGHT = "inflight", _("in flight")
    SENT = "sent", _("sent")
    UNKNOWN = "unknown", _("unknown")
    FAILED = "failed", _("failed")
    EXPIRED = "expired", _("expired")
    SUPPRESSED = "suppressed", _("suppressed")
    CANCELLED = "cancelled", _("cancelled")
    UNKNOWN_FINAL = "unknown_final", _("unknown for good")


# States that say no more than themselves unless a reason stands beside them.
NEEDS_REASON = (State.FAILED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED, State.UNKNOWN_FINAL)


class Delivery(models.TextChoices):
    NONE = "none", _("nothing heard")
    UNDELIVERED = "undelivered", _("undelivered")
    DELIVERED = "delivered", _("delivered")
    CLICKED = "clicked", _("clicked")
    REPLIED = "replied", _("replied")


class Message(models.Model):
    """Business time: ready_at, not_after, created_at, sent_at, delivered_at. Lease time: lease_until, retry_at, ask_at."""

    id = models.UUIDField(primary_key=True, editable=False)  # the id of its cause
    member = models.ForeignKey(Member, models.PROTECT, related_name="messages", verbose_name=_("member"))
    origin = models.CharField(_("origin"), max_length=120)
    cause_key = models.CharField(_("cause"), max_length=200)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    channels = ArrayField(models.CharField(max_length=20), verbose_name=_("channels"))
    channel = models.CharField(_("channel"), max_length=20)
    template = models.ForeignKey(Template, models.PROTECT, related_name="+", verbose_name=_("template"))
    data = models.JSONField(_("data"), default=dict)
    state = models.CharField(_("state"), max_length=13, choices=State.choices, default=State.READY)
    reason = models.CharField(_("reason"), max_length=80, blank=True)
    delivery = models.CharField(_("delivery"), max_length=11, choices=Delivery.choices, default=Delivery.NONE)
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("provider account")
    )
    provider_id = models.CharField(_("id at the provider"), max_length=100, blank=True)
    units = models.PositiveIntegerField(_("segments"), default=0)
    cost = models.BigIntegerField(_("cost"), default=0)
    ready_at = models.DateTimeField(_("ready from"))
    not_after = models.DateTimeField(_("not after"), null=True)
    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    token = models.UUIDField(null=True, editable=False)  # the submission that holds it
    lease_until = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    retry_at = models.DateTimeField(null=True, editable=False)
    together = models.PositiveSmallIntegerField(
        null=True, editable=False
    )  # after a refused call: at most so many in one
    asked = models.PositiveSmallIntegerField(_("asked"), default=0)
    ask_at = models.DateTimeField(null=True, editable=False)
    resent = models.BooleanField(_("sent again"), default=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(condition=~Q(state=State.SENT) | Q(sent_at__isnull=False), name="sent_has_a_time"),
            models.CheckConstraint(
                condition=~Q(state=State.INFLIGHT) | Q(lease_until__isnull=False, token__isnull=False),
                name="inflight_has_a_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.UNKNOWN) | Q(ask_at__isnull=False), name="unknown_will_be_asked_for"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=NEEDS_REASON) | ~Q(reason=""), name="a_final_state_has_a_reason"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="a_message_is_in_a_known_state"),
        ]
        indexes = [
            # Serves the claim: what is due, oldest first.
            models.Index(fields=["channel", "ready_at", "id"], condition=Q(state="ready"), name="message_ready"),
            # Serves the sweep of leases that ran out.
            models.Index(fields=["lease_until"], condition=Q(state="inflight"), name="message_inflight"),
            # Serves the asking.
            models.Index(fields=["ask_at"], condition=Q(state="unknown"), name="message_unknown"),
            # Serves attribution and the member page: who was written to, when.
            models.Index(fields=["member", "sent_at"], name="message_by_member"),
            # Serves cost and funnel by origin.
            models.Index(fields=["origin", "state"], name="message_by_origin"),
            models.Index(fields=["created_at"], name="message_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Submission(models.Model):
    """One HTTP call, committed before it is made. Its id, as 32 hex digits, is the key given to the provider."""

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, related_name="+", verbose_name=_("provider account"))
    version = models.ForeignKey(TemplateVersion, models.PROTECT, related_name="+", verbose_name=_("template version"))
    provider_id = models.CharField(_("id at the provider"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created"))
    wire_at = models.DateTimeField(_("called"), help_text=_("real time, not the brand's"))
    outcome = models.CharField(_("outcome"), max_length=12, blank=True)
    code = models.CharField(_("code"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        # Serves receipts that bring the id of the provider and not our key.
        indexes = [
            models.Index(
                fields=["account", "provider_id"], condition=~Q(provider_id=""), name="submission_by_provider_id"
            )
        ]

    def __str__(self) -> str:
        return self.id.hex


class Attempt(models.Model):
    """Kept for ever (a trigger refuses the rest); its outcome is written once, when the answer is settled. When the blind key
    is changed, the address is the same under another one.
    """

    message = models.ForeignKey(
        Message, models.PROTECT, related_name="attempts", db_index=False, verbose_name=_("message")
    )
    n = models.PositiveSmallIntegerField(_("number"))
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="attempts", verbose_name=_("submission"))
    address = models.BinaryField(max_length=32)  # blind
    blind_key = models.CharField(max_length=40)
    outcome = models.CharField(_("outcome"), max_length=12, blank=True)
    code = models.CharField(_("code"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [
            models.UniqueConstraint(fields=["message", "n"], name="an_attempt_has_its_number"),
            models.UniqueConstraint(fields=["submission", "address"], name="a_call_never_holds_an_address_twice"),
        ]
        # Serves replies: the latest attempt at an address.
        indexes = [models.Index(fields=["address", "-id"], name="attempt_by_address")]

    def __str__(self) -> str:
        return f"{self.message_id}#{self.n}"
