"""Journeys that answer an event: their triggers are rules, matched together, and whoever fulfils one is enrolled at once.

An event lets a member into a journey once, however often it is told. An event that is heard late, or that an import tells of
the past, lets nobody in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from automation import document
from automation.enrolment import enrol_each
from automation.graph import Graph, OnEvent
from automation.models import Journey, JourneyVersion
from automation.realtime import answering
from automation.realtime.matcher import Rule, compile
from automation.realtime.properties import happened
from cdp import conditions
from cdp.conditions.tree import All
from cdp.feed import Heard
from config.ground import clock
from config.ground.cause import Cause
from config.ground.nudge import nudge


def rule(graph: Graph) -> Rule | None:
    """Of a journey that an event triggers: what is asked of the event, and of whoever did it."""
    if not isinstance(graph.trigger, OnEvent):
        return None
    asked = [conditions.parse(graph.entry)]
    if graph.trigger.where:
        asked.append(conditions.parse(graph.trigger.where, event=True))
    return Rule(graph.key, graph.priority, graph.trigger.type, All(tuple(asked)))


def live(*, but: str = "") -> dict[str, tuple[JourneyVersion, Graph]]:
    """Key -> what is live of the journeys that an event triggers, without one of them."""
    journeys = Journey.objects.filter(state=Journey.State.LIVE, live__document__trigger__has_key="event")
    versions = [journey.live for journey in journeys.exclude(key=but).select_related("live__journey") if journey.live]
    return {version.journey.key: (version, document.parse(version.document)) for version in versions}


def rules(journeys: dict[str, tuple[JourneyVersion, Graph]]) -> list[Rule]:
    return [made for _version, graph in journeys.values() if (made := rule(graph))]


def hear(heard: Sequence[Heard], *, now: datetime) -> int:
    """Enrol whom the events let in, journey by journey in the order of their priority. Returns how many were enrolled."""
    journeys = live()
    fresh = [fact for fact in heard if any(_is_fresh(fact, graph, now) for _version, graph in journeys.values())]
    if not fresh:
        return 0
    causes: dict[str, dict[int, Cause]] = {}
    matcher = compile(rules(journeys))
    answers = answering.answer(matcher, happened(fresh, matcher.leaves.kinds_asked, as_of=now), now=now)
    for fact, keys in zip(fresh, answers, strict=True):
        for key in keys:
            if _is_fresh(fact, journeys[key][1], now):
                causes.setdefault(key, {}).setdefault(fact.member, _cause(key, fact))
    order = sorted(causes, key=lambda key: (-journeys[key][1].priority, key))
    enrolled = [enrol_each(journeys[key][0], causes=causes[key], as_of=now) for key in order]
    if enrolled:
        nudge("automation.advance")
    return sum(one.treated + one.held_out for one in enrolled)


def _is_fresh(fact: Heard, graph: Graph, now: datetime) -> bool:
    trigger = graph.trigger
    return (
        isinstance(trigger, OnEvent)
        and trigger.type == fact.kind
        and fact.at > trigger.within.before(now, clock.zone())
    )


def _cause(key: str, fact: Heard) -> Cause:
    return Cause(f"journey:{key}", f"{fact.kind}/{fact.ref}")
