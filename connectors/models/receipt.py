"""What a provider says later: once each, in any order, kept also when nothing is known that it belongs to."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.models import Member
from connectors.models.account import ProviderAccount
from connectors.models.message import Message


class Receipt(models.Model):
    class Kind(models.TextChoices):
        DELIVERED = "delivered", _("delivered")
        UNDELIVERED = "undelivered", _("undelivered")
        REPLY = "reply", _("reply")

    account = models.ForeignKey(ProviderAccount, models.PROTECT, related_name="+", verbose_name=_("provider account"))
    dedupe = models.CharField(max_length=200)
    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    submission = models.UUIDField(_("submission"), null=True)
    provider_id = models.CharField(_("id at the provider"), max_length=100, blank=True)
    address = models.BinaryField(max_length=32)  # blind
    code = models.CharField(_("code"), max_length=80, blank=True)
    opts_out = models.BooleanField(_("opts out"), default=False)
    at = models.DateTimeField(_("at"), help_text=_("as the provider says"))
    received_at = models.DateTimeField(_("received"))
    message = models.ForeignKey(Message, models.PROTECT, null=True, related_name="receipts", verbose_name=_("message"))
    member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", verbose_name=_("member"))

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [models.UniqueConstraint(fields=["account", "dedupe"], name="a_receipt_is_stored_once")]
        # Serves the match at settling: receipts that came before what they belong to was known.
        indexes = [
            models.Index(fields=["account", "provider_id"], condition=models.Q(message=None), name="receipt_unmatched")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.provider_id}"
