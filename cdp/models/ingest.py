"""What came in, call by call: how many rows, what became of each, which were refused and why. The counts stay; the raw copy
of a call is sealed and kept for 30 days.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from cdp.models.source import Source


class IngestCall(models.Model):
    """One call, or one kind of what a file makes: then its chunks add to it. Rows are things as ingest takes them: orders, not
    lines.
    """

    class Door(models.TextChoices):
        API = "api", _("API")
        FILE = "file", _("file")
        ADMIN = "admin", _("admin")

    class State(models.TextChoices):
        TAKEN = "taken", _("taken in")
        REFUSED = "refused", _("refused")
        UNDER_WAY = "under_way", _("under way")

    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, verbose_name=_("source"))
    kind = models.CharField(_("kind"), max_length=20)
    door = models.CharField(_("door"), max_length=5, choices=Door.choices)
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.TAKEN)
    code = models.CharField(_("refused for"), max_length=50, blank=True)
    at = models.DateTimeField(_("at"))
    recorded_at = models.DateTimeField(_("recorded"), db_default=Now())
    last_at = models.DateTimeField(_("last sign of life"), db_default=Now())  # of a run; by the database's clock
    history = models.BooleanField(_("history"), default=False)
    actor = models.CharField(_("actor"), max_length=150, blank=True)
    request_id = models.CharField(_("request id"), max_length=128, blank=True)
    file = models.CharField(_("file"), max_length=200, blank=True)
    rows = models.BigIntegerField(_("rows"), default=0)
    accepted = models.BigIntegerField(_("stored"), default=0)
    duplicates = models.BigIntegerField(_("duplicates"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    reasons = models.JSONField(_("reasons"), default=dict)  # code -> rejected rows
    rejections = models.JSONField(_("rejected rows"), default=list)  # the first: index or line, path, code; no values
    said = models.JSONField(_("fields"), default=dict)  # field -> rows that say it (ingest/said.py)
    said_of = models.BigIntegerField(_("of rows"), default=0)

    class Meta:
        verbose_name = _("ingest call")
        verbose_name_plural = _("ingest calls")
        permissions = [("read_body", "Can read the raw body of an ingest call")]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows=F("accepted") + F("duplicates") + F("rejected")), name="every_row_became_something"
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | Q(accepted=0, duplicates=0) & ~Q(code=""),
                name="a_refused_call_says_why_and_stored_nothing",
            ),
        ]
        indexes = [
            # Serves the figures of a source over days.
            models.Index(fields=["source", "kind", "at"], name="calls_of_a_source"),
            # Serves the question what came in at an instant.
            models.Index(fields=["at"], name="calls_by_time"),
            # Serves the list of calls with rejected rows.
            models.Index(fields=["id"], condition=Q(rejected__gt=0), name="calls_with_rejections"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class IngestBody(models.Model):
    """The body of a call as it was sent, compressed and sealed. Kept 30 days."""

    call = models.OneToOneField(IngestCall, models.CASCADE, related_name="body", verbose_name=_("ingest call"))
    size = models.PositiveIntegerField(_("bytes"))
    sealed = models.BinaryField()
    made_at = models.DateTimeField(_("made"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("raw body")
        verbose_name_plural = _("raw bodies")

    def __str__(self) -> str:
        return str(self.call_id)


class SourceQuality(Source):
    """A source, looked at for how good its rows are (cdp/quality)."""

    class Meta:
        proxy = True
        verbose_name = _("data quality")
        verbose_name_plural = _("data quality")
