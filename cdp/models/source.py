"""Where rows come from, and the memory that each was stored once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

OWN = "huitou"  # the source of our own events


class Source(models.Model):
    class Trust(models.TextChoices):
        UNTRUSTED = "untrusted", _("untrusted: adds nothing to members of other sources")
        KNOWN = "known", _("known: adds identities, proposes who may be one person")
        TRUSTED = "trusted", _("trusted: two members that it names together are one person")

    code = models.CharField(_("code"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    trust = models.CharField(
        _("trust"), max_length=9, choices=Trust.choices, default=Trust.KNOWN, db_default=Trust.KNOWN
    )
    third_party = models.BooleanField(
        _("third party"),
        default=False,
        db_default=False,
        help_text=_("Tells only of members who granted it: their consent to the purpose third_party is in force."),
    )

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(trust__in=["untrusted", "known", "trusted"]), name="a_source_is_trusted_so_far"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Seen(models.Model):
    """Stored once, for ever: (kind, source, external id) with the marks of its content. Inserted before the fact itself."""

    pk = models.CompositePrimaryKey("kind", "source_id", "external_id")
    kind = models.CharField(max_length=10)
    # That it exists, a trigger sees to once per statement (migration 0027): sources are never deleted.
    source = models.ForeignKey(Source, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    external_id = models.CharField(max_length=200)
    content = models.BinaryField(help_text="16 bytes of the whole, then 4 of each field (ingest/batch.py)")

    class Meta:
        verbose_name = _("seen row")
        verbose_name_plural = _("seen rows")
