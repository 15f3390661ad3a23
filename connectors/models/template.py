"""What is said, by channel. A version is frozen (a trigger refuses the rest): what was sent can always be shown."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    MARKETING = "marketing", _("marketing")
    SERVICE = "service", _("service notice")


class Template(models.Model):
    key = models.SlugField(_("key"), max_length=60)
    channel = models.CharField(_("channel"), max_length=20)
    name = models.CharField(_("name"), max_length=100)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices, default=Purpose.MARKETING)
    live = models.ForeignKey(
        "TemplateVersion", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("live version")
    )
    stopped_for = models.CharField(_("stopped for"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        constraints = [models.UniqueConstraint(fields=["key", "channel"], name="one_template_per_key_and_channel")]

    def __str__(self) -> str:
        return self.key


class TemplateVersion(models.Model):
    """`variables`: name -> {"fact": a field of conditions.facts, "default": text}; both may be missing."""

    template = models.ForeignKey(Template, models.PROTECT, related_name="versions", verbose_name=_("template"))
    number = models.PositiveIntegerField(_("number"))
    sign = models.CharField(_("signature"), max_length=40, blank=True)
    provider_code = models.CharField(_("code at the provider"), max_length=60)
    text = models.TextField(_("text"))
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="a_version_number_is_used_once")]

    def __str__(self) -> str:
        return f"{self.template}@{self.number}"
