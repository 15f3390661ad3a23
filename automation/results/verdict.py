"""What a lift says, in plain words. An interval that contains zero shows no effect, and is never dressed up."""

from __future__ import annotations

from enum import StrEnum

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from automation.results.arms import Arms
from automation.results.stats import Difference


class Verdict(StrEnum):
    NO_HOLDOUT = "no_holdout"
    TOO_EARLY = "too_early"
    NO_EFFECT = "no_effect"
    RAISED = "raised"
    LOWERED = "lowered"


def verdict(arms: Arms, lift: Difference | None) -> Verdict:
    if not arms.held_out.n and not arms.held_out_open and arms.treated.n:
        return Verdict.NO_HOLDOUT
    if lift is None:
        return Verdict.TOO_EARLY
    if lift.ci.covers(0):
        return Verdict.NO_EFFECT
    return Verdict.RAISED if lift.value > 0 else Verdict.LOWERED


def sentence(verdict: Verdict, lift: Difference | None) -> str:
    """In the active language."""
    if verdict is Verdict.NO_HOLDOUT:
        return _("Nobody was held out, so nothing can be said about the effect.")
    if lift is None:
        return _("Too early to say: no goal window has closed in both arms yet.")
    low, high = (points(bound) for bound in (lift.ci.low, lift.ci.high))
    texts = {
        Verdict.NO_EFFECT: _("No effect shown: the interval from %(low)s to %(high)s points contains zero."),
        Verdict.RAISED: _("The journey raised the rate, by %(low)s to %(high)s points."),
        Verdict.LOWERED: _("The journey lowered the rate: %(low)s to %(high)s points."),
    }
    return texts[verdict] % {"low": low, "high": high}


def points(share: float) -> str:
    """0.0123 -> +1.2 (percentage points)."""
    rounded = round(share * 100, 1)
    return f"{'+' if rounded > 0 else ''}{number_format(rounded + 0.0, 1)}"
