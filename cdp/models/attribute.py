"""What may be said of a member beyond the identities, declared: a name, a type, how it is called."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class AttributeDefinition(models.Model):
    """A declared attribute is checked when it comes in, asked for in conditions by its name, and shown by its type. What is not
    declared is kept as it comes. The type stays while a member has a value (a trigger refuses the rest).
    """

    class Type(models.TextChoices):
        TEXT = "text", _("any text")
        NUMBER = "number", _("decimal number")
        INTEGER = "integer", _("whole number")
        MONEY = "money", _("money")
        BOOLEAN = "boolean", _("yes or no")
        DATE = "date", _("date")
        INSTANT = "instant", _("instant")
        CHOICE = "choice", _("one of a list")
        LIST = "list", _("several texts")

    name = models.CharField(_("field name"), max_length=50)
    type = models.CharField(_("type"), max_length=8, choices=Type.choices)
    label_zh = models.CharField(_("label in Chinese"), max_length=100)
    label_en = models.CharField(_("label in English"), max_length=100)
    choices = models.JSONField(_("choices"), default=list, blank=True)  # [value, label_zh, label_en] each
    personal = models.BooleanField(_("personal"), default=False, help_text=_("It helps to tell who the member is."))
    standard = models.BooleanField(_("standard"), default=False, editable=False)
    made_at = models.DateTimeField(_("declared"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="an_attribute_is_declared_once"),
            models.CheckConstraint(
                condition=Q(type="choice") & ~Q(choices=[]) | ~Q(type="choice") & Q(choices=[]),
                name="a_choice_has_choices_and_nothing_else_has",
            ),
        ]

    def __str__(self) -> str:
        return self.label_zh if (get_language() or "").startswith("zh") else self.label_en
