"""Where rows come from, and the memory that each was stored once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Source(models.Model):
    code = models.CharField(_("code"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    third_party = models.BooleanField(
        _("third party"),
        default=False,
        db_default=False,
        help_text=_("Tells only of members who granted it: their consent to the purpose third_party is in force."),
    )

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.name


class Seen(models.Model):
    """Stored once, for ever: (kind, source, external id) with the marks of its content. Inserted before the fact itself."""

    pk = models.CompositePrimaryKey("kind", "source_id", "external_id")
    kind = models.CharField(max_length=10)
    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200)
    content = models.BinaryField(help_text="16 bytes of the whole, then 4 of each field (ingest/batch.py)")

    class Meta:
        verbose_name = _("seen row")
        verbose_name_plural = _("seen rows")
