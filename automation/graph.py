"""A journey's document as values: what `document.parse` makes of the JSON, and what enrolment and runner read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from config.ground.durations import Duration

END = "end"  # where a step may lead besides another step


@dataclass(frozen=True)
class OnSchedule:
    cron: str
    timezone: str
    misfire: str


@dataclass(frozen=True)
class OnEvent:
    """In real time: each event of the type, when `where` holds, lets its member in. What is heard later than `within` is past."""

    type: str
    where: dict[str, Any] | None
    within: Duration
    timezone: str


Trigger = OnSchedule | OnEvent


@dataclass(frozen=True)
class Reentry:
    mode: str  # never | always | after
    after: Duration | None = None  # since the enrolment before, which begins alike for the treated and the held-out


@dataclass(frozen=True)
class Until:
    """Then on to this time of the day, on one of these weekdays (1 Monday … 7 Sunday)."""

    at: time
    weekdays: tuple[int, ...]

    def next(self, from_: datetime, tz: ZoneInfo) -> datetime:
        """The first such instant that is not before `from_`. An hour that a change of clock skips is the one after it."""
        day = from_.astimezone(tz).date()
        while True:
            at = datetime.combine(day, self.at, tz).astimezone(UTC)
            if at >= from_ and day.isoweekday() in self.weekdays:
                return at
            day += timedelta(days=1)


@dataclass(frozen=True)
class Wait:
    id: str
    next: str
    length: Duration
    until: Until | None = None
    late_ok: Duration | None = None  # later than this after an outage, and `late` is the way
    late: str = ""  # "next_window", or a step, or end

    def over(self, entered: datetime, tz: ZoneInfo) -> datetime:
        at = self.length.after(entered, tz)
        return self.until.next(at, tz) if self.until else at


@dataclass(frozen=True)
class Act:
    id: str
    next: str
    do: str  # a key of ACTIONS
    params: Any  # what that action read


@dataclass(frozen=True)
class Branch:
    """The first arm whose condition holds; the rest go the other way."""

    id: str
    arms: tuple[tuple[dict[str, Any], str], ...]  # (condition, step)
    other: str


@dataclass(frozen=True)
class End:
    id: str


Step = Wait | Act | Branch | End


def ways(step: Step) -> tuple[str, ...]:
    """Where a step may lead."""
    match step:
        case Wait():
            return (step.next, *((step.late,) if step.late not in ("", "next_window") else ()))
        case Act():
            return (step.next,)
        case Branch():
            return (*(target for _when, target in step.arms), step.other)
        case End():
            return (END,)


@dataclass(frozen=True)
class Graph:
    key: str
    name: dict[str, str]
    priority: int
    trigger: Trigger
    entry: dict[str, Any]
    reentry: Reentry
    holdout: float
    exit: dict[str, Any] | None
    goal: Duration  # the goal is an order after the enrolment and within this window
    goal_exits: bool
    steps: tuple[Step, ...]

    @cached_property
    def by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.trigger.timezone)

    def due(self, step: str, entered: datetime) -> datetime:
        """When an enrolment that enters a step is due there: a wait when it is over, everything else at once."""
        found = self.by_id[step]
        return found.over(entered, self.zone) if isinstance(found, Wait) else entered
