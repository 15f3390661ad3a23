"""Who calls and who logs in: partners' keys, what they were answered, and tries at the door."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """A partner's key: shown once, stored hashed, bound to one source, good for its scopes only.

    A successor has the same name, and the one before it an end: the law lets no third key of a name live.
    """

    class Signing(models.TextChoices):
        OFF = "off", _("not signed")
        OPTIONAL = "optional", _("may be signed")
        REQUIRED = "required", _("must be signed")

    name = models.CharField(_("name"), max_length=100, db_index=True)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True)
    hashed = models.BinaryField(_("hash"), max_length=32)
    scopes = models.JSONField(_("scopes"), default=list)
    source = models.CharField(_("source"), max_length=50, blank=True)
    # One partner through all its keys: its rate and its answers go on when a key is replaced.
    partner = models.UUIDField(_("partner"), db_default=RandomUUID(), editable=False)
    networks = models.JSONField(_("IP addresses"), default=list, blank=True)
    rate = models.PositiveIntegerField(_("calls per minute"), default=6000)
    signing = models.CharField(_("signing"), max_length=8, choices=Signing.choices, default=Signing.OFF)
    signing_secret = models.BinaryField(_("signing secret"), null=True, editable=False)  # sealed
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(revoked_at=None, expires_at=None), name="one_key_of_a_name_has_no_end"
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(revoked_at=None, expires_at__isnull=False),
                name="one_key_of_a_name_is_ending",
            ),
            models.CheckConstraint(condition=Q(rate__gte=1), name="a_key_may_call"),
            models.CheckConstraint(
                condition=Q(signing="off") | Q(signing_secret__isnull=False), name="who_signs_has_a_secret"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Answer(models.Model):
    """The first answer to a call with an Idempotency-Key, committed with what the call did. Sealed; kept 30 days."""

    partner = models.UUIDField(_("partner"))
    key = models.CharField(_("key"), max_length=200)
    sealed = models.BinaryField(_("answer"), null=True)  # what was asked, the status and the body
    made_at = models.DateTimeField(_("made"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [models.UniqueConstraint(fields=["partner", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key


class Nonce(models.Model):
    """A signed call that was let in. In the database, so that no flushed cache lets it in again."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", verbose_name=_("API key"))
    nonce = models.CharField(_("nonce"), max_length=64)
    seen_at = models.DateTimeField(_("seen"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("nonce")
        verbose_name_plural = _("nonces")
        constraints = [models.UniqueConstraint(fields=["api_key", "nonce"], name="a_nonce_is_used_once")]

    def __str__(self) -> str:
        return self.nonce


class LoginTry(models.Model):
    """Tries to log in, by a name and by an address, since an instant of the database's clock. What was typed is not kept."""

    kind = models.CharField(_("kind"), max_length=7)  # name, address
    who = models.BinaryField(max_length=32)  # keyed
    tries = models.PositiveIntegerField(_("tries"))
    since = models.DateTimeField(_("since"), db_index=True)

    class Meta:
        verbose_name = _("log-in try")
        verbose_name_plural = _("log-in tries")
        constraints = [
            models.UniqueConstraint(fields=["kind", "who"], name="tries_are_counted_in_one_row"),
            models.CheckConstraint(condition=Q(kind__in=["name", "address"]), name="tries_are_by_name_or_address"),
        ]

    def __str__(self) -> str:
        return self.kind
