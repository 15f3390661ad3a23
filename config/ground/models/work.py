"""What is done in time: schedules and their slots, and long work that somebody asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Schedule(models.Model):
    """A manager's schedule: a cron expression in a zone. Its occurrences are slots."""

    class Misfire(models.TextChoices):
        SKIP = "skip", _("skip what was missed")
        ONCE = "once", _("run once for all that was missed")
        ALL = "all", _("run each missed one")

    key = models.CharField(_("key"), max_length=120, unique=True)
    cron = models.CharField(_("cron expression"), max_length=100)
    timezone = models.CharField(_("timezone"), max_length=64)
    misfire = models.CharField(_("when missed"), max_length=5, choices=Misfire.choices, default=Misfire.ONCE)
    next_at = models.DateTimeField(_("next run"), null=True, blank=True, db_index=True)
    paused = models.BooleanField(_("paused"), default=False)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")

    def __str__(self) -> str:
        return self.key


class Slot(models.Model):
    """One occurrence of a schedule. The unique key is what makes two beats harmless."""

    class Outcome(models.TextChoices):
        RAN = "ran", _("ran")
        SKIPPED = "skipped", _("skipped")

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="slots", verbose_name=_("schedule"))
    at = models.DateTimeField(_("due"))
    taken_at = models.DateTimeField(_("taken"))
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome.choices)
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints = [models.UniqueConstraint(fields=["schedule", "at"], name="a_slot_runs_once")]

    def __str__(self) -> str:
        return f"{self.schedule} {self.at:%F %T}"


class Job(models.Model):
    """Long work that somebody asked for (jobs.py). What it may say is never personal; files of it are sealed."""

    class State(models.TextChoices):
        HELD = "held", _("waits for approval")
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    UNDER_WAY = (State.WAITING, State.RUNNING)

    kind = models.CharField(_("kind"), max_length=40)
    cause = models.UUIDField(_("cause"))
    origin = models.CharField(_("origin"), max_length=120)
    actor = models.CharField(_("actor"), max_length=150)
    params = models.JSONField(_("asked for"), default=dict)
    language = models.CharField(_("language"), max_length=10, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    waits = models.PositiveIntegerField(default=0, db_default=0)  # how often the database refused it
    done = models.BigIntegerField(_("done"), default=0)
    total = models.BigIntegerField(_("of"), null=True)
    result = models.JSONField(_("result"), default=dict)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    asked_at = models.DateTimeField(_("requested"))
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints = [
            models.UniqueConstraint(fields=["cause"], name="a_cause_starts_one_job"),
            models.CheckConstraint(
                condition=Q(state__in=["held", "waiting", "running"], ended_at=None)
                | Q(state__in=["done", "failed"], ended_at__isnull=False),
                name="a_job_ends_once",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(reason=""), name="a_failed_job_has_a_reason"),
        ]
        indexes = [
            # Serves the workers' look for what waits.
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "running"]), name="job_under_way"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class JobFile(models.Model):
    """A file that a job was given or made, in sealed parts. Kept 30 days."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="files", verbose_name=_("job"))
    role = models.CharField(_("role"), max_length=20)
    name = models.CharField(_("name"), max_length=200)
    size = models.BigIntegerField(_("bytes"), default=0)
    made_at = models.DateTimeField(_("made"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("job's file")
        verbose_name_plural = _("jobs' files")
        constraints = [models.UniqueConstraint(fields=["job", "role"], name="a_job_has_one_file_of_a_role")]

    def __str__(self) -> str:
        return self.name


class JobPart(models.Model):
    # The migration makes the foreign key itself, with ON DELETE CASCADE: the sweep deletes files in sets.
    file = models.ForeignKey(
        JobFile, models.DO_NOTHING, db_constraint=False, related_name="parts", verbose_name=_("job's file")
    )
    n = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "n"], name="a_part_stands_once")]

    def __str__(self) -> str:
        return str(self.n)


class Approval(models.Model):
    """A second person's word on something that one alone may not do: bound to what was asked, void once that is another thing."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("not approved")

    subject = models.CharField(_("subject"), max_length=200)
    digest = models.BinaryField(max_length=32)  # SHA-256 of all that the word is about
    detail = models.JSONField(_("asked for"), default=dict)  # what the second person must know; never personal
    asked_by = models.CharField(_("asked by"), max_length=150)
    asked_at = models.DateTimeField(_("requested"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.UniqueConstraint(fields=["subject", "digest"], name="the_same_is_asked_once"),
            models.CheckConstraint(condition=~Q(decided_by=models.F("asked_by")), name="nobody_approves_their_own"),
            models.CheckConstraint(
                condition=Q(state="open", decided_by="", decided_at=None)
                | (Q(state__in=["approved", "refused"], decided_at__isnull=False) & ~Q(decided_by="")),
                name="a_decision_has_a_person_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.subject
