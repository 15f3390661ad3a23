"""Publishing: a document that is valid as a whole becomes the next version, frozen; the journey's schedule follows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from automation import document, shape, triggers
from automation.errors import InvalidJourney, JourneyRefused, UnknownJourney
from automation.graph import Graph, OnEvent, OnSchedule
from automation.listening import listen
from automation.models import Enrolment, Journey, JourneyVersion
from automation.reading import Reader
from automation.realtime import checking, quarantine
from automation.realtime.matcher import compile
from cdp.errors import Fault
from config.ground import audit, schedules

State = Journey.State


def schedule_key(journey: Journey) -> str:
    return f"journey:{journey.key}"


def find(key: str) -> Journey:
    found = Journey.objects.filter(key=key).first()
    if found is None:
        known = ", ".join(Journey.objects.order_by("key").values_list("key", flat=True)) or "–"
        raise UnknownJourney(_("there is no journey %(key)s; known: %(known)s") % {"key": key, "known": known})
    return found


def check(raw: Any, *, now: datetime) -> tuple[Graph, list[Fault]]:
    """The graph and the warnings. Raises InvalidJourney with every fault, those that only the database can see too; and when
    all else is right, with what the rule engine cannot carry.
    """
    reader = Reader(look_up=True)
    graph = document.read(reader, raw)
    if graph is None:
        raise InvalidJourney(reader.faults)
    if rule := triggers.rule(graph):
        beside = triggers.rules(triggers.live(but=graph.key))
        if faults := checking.faults(rule, beside, path="trigger.event", now=now):
            raise InvalidJourney(faults)
    return graph, shape.unreachable(graph.steps)


def load(raw: Any, *, by: str, now: datetime) -> Journey:
    """Keep a valid document as the journey's draft; what is live stays live."""
    graph, _warnings = check(raw, now=now)
    return _keep(raw, graph, by=by, now=now)


@transaction.atomic
def _keep(raw: Any, graph: Graph, *, by: str, now: datetime) -> Journey:
    defaults = {"name": graph.name, "priority": graph.priority}
    Journey.objects.get_or_create(key=graph.key, defaults=defaults)
    journey = Journey.objects.select_for_update().get(key=graph.key)
    if journey.state == State.ARCHIVED:
        raise JourneyRefused(_("the journey is archived; give the new one another key"))
    if journey.draft != raw:
        journey.draft = raw
        journey.save(update_fields=["draft"])
        audit.note(by, "journey.load", graph.key, now=now)
    return journey


def publish(raw: Any, *, by: str, now: datetime) -> JourneyVersion:
    """Publish a document. The same document again publishes nothing new; a paused or drained journey stays so."""
    graph, _warnings = check(raw, now=now)  # before the transaction: a trial may take its time
    return _publish(raw, graph, by=by, now=now)


@transaction.atomic
def _publish(raw: Any, graph: Graph, *, by: str, now: datetime) -> JourneyVersion:
    journey = _keep(raw, graph, by=by, now=now)
    version = journey.live
    if version is None or version.document != raw:
        version = JourneyVersion.objects.create(
            journey=journey,
            number=journey.versions.count() + 1,
            document=raw,
            published_at=now,
            published_by=by,
        )
        journey.live, journey.name, journey.priority = version, graph.name, graph.priority
        if journey.state == State.DRAFT:
            journey.state = State.LIVE
        journey.save()
        audit.note(by, "journey.publish", version.origin, now=now)
    _follow(journey, graph, now=now)
    return version


def _follow(journey: Journey, graph: Graph, *, now: datetime) -> None:
    """The schedule, or what is listened to, is that of the live version."""
    key = schedule_key(journey)
    match graph.trigger:
        case OnSchedule(cron, timezone, misfire):
            schedules.keep(key, cron=cron, timezone=timezone, misfire=misfire, now=now)
            if journey.state == State.LIVE:  # the version before may have had none
                schedules.resume(key, now=now)
            listen()
        case OnEvent(type):
            schedules.pause(key)
            listen([type])
            quarantine.forget(but=compile(triggers.rules(triggers.live())).fingerprint)


def pause(journey: Journey, *, by: str, now: datetime) -> None:
    """Nobody enters, nobody moves; waits keep their dates."""
    _go(journey, (State.LIVE, State.DRAINED), State.PAUSED, by=by, now=now)


@transaction.atomic
def resume(journey: Journey, *, by: str, now: datetime) -> None:
    """From paused or drained; slots that passed meanwhile are not made up for."""
    _go(journey, (State.PAUSED, State.DRAINED), State.LIVE, by=by, now=now)
    live = Journey.objects.select_related("live").get(pk=journey.pk).live
    if live and isinstance(document.parse(live.document).trigger, OnSchedule):
        schedules.resume(schedule_key(journey), now=now)


def drain(journey: Journey, *, by: str, now: datetime) -> None:
    """Nobody enters; those inside go on."""
    _go(journey, (State.LIVE, State.PAUSED), State.DRAINED, by=by, now=now)


@transaction.atomic
def archive(journey: Journey, *, by: str, now: datetime) -> None:
    """For good. Refused while somebody is under way: drain it first."""
    _go(journey, (State.DRAFT, State.LIVE, State.PAUSED, State.DRAINED), State.ARCHIVED, by=by, now=now)
    if Enrolment.objects.filter(journey=journey, state=Enrolment.State.OPEN).exists():
        raise JourneyRefused(_("members are still under way in this journey; drain it first"))


@transaction.atomic
def _go(journey: Journey, wanted: tuple[str, ...], to: State, *, by: str, now: datetime) -> None:
    if Journey.objects.filter(pk=journey.pk, state__in=wanted).update(state=to) != 1:
        states = ", ".join(str(State(state).label) for state in wanted)
        raise JourneyRefused(
            _("%(to)s is possible from: %(states)s; look again") % {"to": State(to).label, "states": states}
        )
    if to != State.LIVE:
        schedules.pause(schedule_key(journey))
    audit.note(by, f"journey.{to}", journey.key, now=now)
