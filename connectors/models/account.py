"""The credentials with a provider, and the addresses that may not be written to."""

from __future__ import annotations

import json

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.ground import crypto


class ProviderAccount(models.Model):
    """Settings, with their defaults: `quiet` ["20:00", "09:00"] in the brand's zone; `price_fen` 6 a segment;
    `timeout` 10 and `lease` 60 seconds (the time-out is less than half the lease); `query_lag` 60 seconds before an
    unknown message is asked for.
    """

    key = models.SlugField(_("key"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    provider = models.CharField(_("provider"), max_length=40)
    channel = models.CharField(_("channel"), max_length=20)
    sandbox = models.BooleanField(_("sandbox"), default=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    stopped_for = models.CharField(_("stopped for"), max_length=200, blank=True)
    base_url = models.CharField(_("address of the provider"), max_length=200)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    secrets = models.BinaryField(editable=False)
    slow_until = models.DateTimeField(_("slowed until"), null=True, blank=True, help_text=_("the database's clock"))

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")

    def __str__(self) -> str:
        return self.key

    def keep(self, secrets: dict[str, str]) -> None:
        self.secrets = crypto.seal(json.dumps(secrets))

    def open(self) -> dict[str, str]:
        """The secrets in the clear: only for what goes on the wire and for comparing what came in."""
        opened: dict[str, str] = json.loads(crypto.unseal(bytes(self.secrets)))
        return opened


class BlockedAddress(models.Model):
    """An address that the provider or its owner closed, whoever it belongs to. Found by its blind index only."""

    channel = models.CharField(_("channel"), max_length=20)
    blind = models.BinaryField(max_length=32)
    blind_key = models.CharField(max_length=40)
    reason = models.CharField(_("reason"), max_length=40)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("blocked address")
        verbose_name_plural = _("blocked addresses")
        constraints = [models.UniqueConstraint(fields=["channel", "blind"], name="an_address_is_blocked_once")]

    def __str__(self) -> str:
        return f"{self.channel} {self.reason}"
