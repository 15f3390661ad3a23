"""The rule engine as the shop uses it: watched, so that what ends a process ends three at the most and the closures go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_noop

from automation.realtime import quarantine
from automation.realtime.durable import Broken
from automation.realtime.matcher import Happened, Matcher
from automation.realtime.quarantine import Watch
from automation.realtime.terms import Fact
from config.ground import alarms

Asked = tuple[int, int, Fact]  # position among what happened, member, fact


def answer(matcher: Matcher, happened: Sequence[Happened], *, now: datetime) -> list[list[str]]:
    """For each that happened the rules that hold, the highest priority first."""
    found: list[list[str]] = [[] for _one in happened]
    facts = matcher.facts(happened, as_of=now)
    asked = [(n, one.member, fact) for n, (one, fact) in enumerate(zip(happened, facts, strict=True)) if fact]
    if not asked:
        return found
    with quarantine.watch(matcher.fingerprint) as watch:
        verdict = watch.verdict()
        _warn(matcher, verdict, now=now)
        plainly = [one for one in asked if verdict.rules or one[1] in verdict.members]
        alone = [one for one in asked if not verdict.rules and one[1] in verdict.suspects]
        rest = [one for one in asked if not verdict.rules and one[1] not in verdict.members | verdict.suspects]
        for group in (*([one] for one in alone), rest):
            for n, keys in _match(matcher, group, watch, now=now):
                found[n] = keys
    for n, _member, fact in plainly:
        found[n] = matcher.match_plainly(fact)
    return found


def _match(matcher: Matcher, group: Sequence[Asked], watch: Watch, *, now: datetime) -> list[tuple[int, list[str]]]:
    if not group:
        return []
    try:
        with watch.over([member for _n, member, _fact in group]):
            return [(n, matcher.match(fact)) for n, _member, fact in group]
    except Broken as error:
        detail = gettext_noop("the rule engine failed: %(error)s; Python answered instead")
        alarms.ring(_subject(matcher), detail, now=now, error=str(error))
        return [(n, matcher.match_plainly(fact)) for n, _member, fact in group]


def _warn(matcher: Matcher, verdict: quarantine.Verdict, *, now: datetime) -> None:
    if verdict.rules:
        detail = gettext_noop(
            "the rules of the live journeys ended the rule engine three times; Python answers instead"
        )
        alarms.ring(_subject(matcher), detail, now=now)
    for member in sorted(verdict.members):
        detail = gettext_noop("member %(member)s ended the rule engine three times; Python answers for it instead")
        alarms.ring(f"{_subject(matcher)}:{member}", detail, now=now, member=member)


def _subject(matcher: Matcher) -> str:
    return f"realtime:{matcher.fingerprint[:16]}"
