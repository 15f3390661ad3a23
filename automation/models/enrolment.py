"""One member's passage through one journey version. A hold-out is a row under the same rules that is never advanced."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from automation.models.journey import Journey, JourneyVersion
from cdp.models import Member


class Enrolment(models.Model):
    """Open from `enrolled_at` to `closed_at`: until the later of its last step and the end of its goal window."""

    class State(models.TextChoices):
        OPEN = "open", _("under way")
        DONE = "done", _("done")
        EXITED = "exited", _("exited")
        FAILED = "failed", _("failed")
        HELD_OUT = "held_out", _("held out")

    journey = models.ForeignKey(Journey, models.PROTECT, related_name="enrolments", verbose_name=_("journey"))
    version = models.ForeignKey(JourneyVersion, models.PROTECT, related_name="+", verbose_name=_("version"))
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="enrolments", db_index=False, verbose_name=_("member")
    )
    cause = models.UUIDField(_("cause"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    step = models.CharField(_("step"), max_length=40, blank=True)
    visit = models.PositiveIntegerField(_("visit"), default=1)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    enrolled_at = models.DateTimeField(_("enrolled"))
    closes_at = models.DateTimeField(_("goal window ends"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(fields=["journey", "member", "cause"], name="a_cause_enrols_once"),
            models.UniqueConstraint(
                fields=["journey", "member"], condition=Q(closed_at=None), name="one_open_enrolment"
            ),
            models.CheckConstraint(
                condition=Q(state="open", due_at__isnull=False) | (~Q(state="open") & Q(due_at=None)),
                name="only_the_open_are_due",
            ),
            models.CheckConstraint(condition=~Q(state="open") | Q(closed_at=None), name="under_way_is_not_closed"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "done", "exited", "failed", "held_out"]),
                name="an_enrolment_is_in_a_known_state",
            ),
        ]
        indexes = [
            # Serves the stepper: what is due, by version and step.
            models.Index(fields=["version", "step", "due_at"], condition=Q(state="open"), name="enrolment_due"),
            # Serves the closing of windows.
            models.Index(fields=["closes_at"], condition=Q(closed_at=None), name="enrolment_closing"),
            # Serves attribution, the member page, and re-entry.
            models.Index(fields=["member", "journey", "enrolled_at"], name="enrolment_by_member"),
            # Serves the report: a journey's period.
            models.Index(fields=["journey", "enrolled_at"], name="enrolment_by_journey"),
        ]

    def __str__(self) -> str:
        return f"{self.journey_id}/{self.member_id}"


class StepRun(models.Model):
    """What a step did, once per visit, committed with its effects and with the move to the next step."""

    enrolment = models.ForeignKey(
        Enrolment, models.PROTECT, related_name="runs", db_index=False, verbose_name=_("enrolment")
    )
    step = models.CharField(_("step"), max_length=40)
    visit = models.PositiveIntegerField(_("visit"))
    at = models.DateTimeField(_("at"))
    outcome = models.CharField(_("outcome"), max_length=40)
    message = models.UUIDField(_("message"), null=True, blank=True)

    class Meta:
        verbose_name = _("step run")
        verbose_name_plural = _("step runs")
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "step", "visit"], name="one_run_per_enrolment_step_and_visit"),
        ]
        # Serves the report: which messages a journey sent.
        indexes = [models.Index(fields=["message"], condition=Q(message__isnull=False), name="run_by_message")]

    def __str__(self) -> str:
        return f"{self.enrolment_id}/{self.step}/{self.visit}"
