"""The floor's tables. They know no member and may be used by every room."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


def default_stages() -> dict[str, float]:
    """The lifecycle factors and floors (days) of the glossary; kept as data so that a brand may change them."""
    return {
        "churned_factor": 3.0,
        "churned_floor": 365,
        "dormant_factor": 1.5,
        "dormant_floor_once": 180,
        "dormant_floor": 30,
        "critical_factor": 0.8,
        "critical_floor": 0,
        "default_interval": 90,
        "shrinkage": 3,
    }


def default_value_tiers() -> dict[str, float]:
    """Shares of the population below the cut, over members with a positive 365-day net amount."""
    return {"top": 0.95, "middle": 0.70}


class BrandManager(models.Manager["Brand"]):
    def the(self) -> Brand:
        """The one brand of this installation, seeded by migration."""
        return self.get(pk=1)


class Brand(models.Model):
    """One row: whose members these are, and which time it is for them."""

    class Clock(models.TextChoices):
        WALL = "wall", _("wall clock")
        REPLAY = "replay", _("replay")

    name = models.CharField(_("name"), max_length=100)
    timezone = models.CharField(_("timezone"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    stages = models.JSONField(_("stage thresholds"), default=default_stages)
    value_tiers = models.JSONField(_("value tier shares"), default=default_value_tiers)
    parked_for = models.CharField(
        _("patience with parked rows"),
        max_length=10,
        default="P30D",
        help_text=_("An alarm rings for a row that waited this long for the one it belongs to, like P30D or PT12H."),
    )
    clock_mode = models.CharField(_("clock"), max_length=6, choices=Clock.choices, default=Clock.WALL)
    clock_at = models.DateTimeField(_("clock stands at"), null=True, blank=True)

    objects = BrandManager()

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_brand"),
            models.CheckConstraint(
                condition=Q(parked_for__regex=r"^P([1-9][0-9]{0,2}W|[1-9][0-9]{0,2}D|T[1-9][0-9]{0,3}H)$"),
                name="patience_is_a_duration",
            ),
            models.CheckConstraint(
                condition=Q(clock_mode="wall", clock_at=None) | Q(clock_mode="replay", clock_at__isnull=False),
                name="a_replay_clock_has_an_instant",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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


class Alarm(models.Model):
    """Something that needs a human. Raised once per subject until it is closed; repeats only count."""

    subject = models.CharField(_("subject"), max_length=200)
    detail = models.TextField(_("detail"))
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))
    count = models.PositiveIntegerField(_("times"), default=1)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(fields=["subject"], condition=Q(closed_at=None), name="one_open_alarm_per_subject")
        ]

    def __str__(self) -> str:
        return self.subject


class AuditRow(models.Model):
    """Who did what, written in the transaction that did it. `at` is the brand's time, `recorded_at` the database's."""

    at = models.DateTimeField(_("at"), db_index=True)
    recorded_at = models.DateTimeField(_("recorded"), null=True, db_default=Now(), editable=False)
    actor = models.CharField(_("actor"), max_length=150)
    action = models.CharField(_("action"), max_length=100)
    subject = models.CharField(_("subject"), max_length=200)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit trail")
        # Serves the question how often somebody did something of late.
        indexes = [models.Index(fields=["actor", "action", "recorded_at"], name="audit_by_actor")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"


class Job(models.Model):
    """Long work that somebody asked for (jobs.py). What it may say is never personal; files of it are sealed."""

    class State(models.TextChoices):
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
    done = models.BigIntegerField(_("done"), default=0)
    total = models.BigIntegerField(_("of"), null=True)
    result = models.JSONField(_("result"), default=dict)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    asked_at = models.DateTimeField(_("asked"))
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints = [
            models.UniqueConstraint(fields=["cause"], name="a_cause_starts_one_job"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], ended_at=None)
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


class Heartbeat(models.Model):
    """Proof of consumption: when a worker last executed a canary that `name` had sent (database's clock)."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    seen_at = models.DateTimeField(_("seen"), null=True)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name


class BlindKey(models.Model):
    """A version of the blind key that rows may have: one is written, the others are looked up until no row has them."""

    id = models.CharField(_("version"), max_length=40, primary_key=True)
    written = models.BooleanField(_("written"), default=False)
    proof = models.BinaryField()  # two hosts that have the same key make the same one

    class Meta:
        verbose_name = _("blind key")
        verbose_name_plural = _("blind keys")
        constraints = [
            models.UniqueConstraint(fields=["written"], condition=Q(written=True), name="one_blind_key_is_written")
        ]

    def __str__(self) -> str:
        return self.id


class WrappedKey(models.Model):
    """A key that the database keeps for itself, wrapped under FIELD_KEY, so that a change of FIELD_KEY wraps it anew."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    sealed = models.BinaryField()

    class Meta:
        verbose_name = _("wrapped key")
        verbose_name_plural = _("wrapped keys")

    def __str__(self) -> str:
        return self.name
