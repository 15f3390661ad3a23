"""A document -> Graph. It is read to its end before anything is said: all faults at once, each with its path."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from django.utils.translation import gettext as _

from automation import shape
from automation.action import ACTIONS
from automation.errors import InvalidJourney
from automation.graph import END, Act, Branch, End, Graph, OnEvent, OnSchedule, Reentry, Step, Trigger, Until, Wait
from automation.reading import Reader
from config.ground import schedules
from config.ground.durations import Duration
from config.ground.models import Schedule

KEYS = ("key", "name", "priority", "trigger", "entry", "reentry", "holdout", "exit", "goal", "goal_exits", "steps")
REQUIRED = ("key", "name", "trigger", "entry", "goal", "steps")
STEPS = 100
ARMS = 20
HOLDOUT = 0.5
WINDOW = "next_window"
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
TRIGGERS = ("schedule", "event")
A_DAY = Duration(1, timedelta(0))
NEVER = OnSchedule("", "UTC", "")  # where the trigger cannot be read


def parse(raw: Any) -> Graph:
    """Raises InvalidJourney with every fault that can be seen in the document itself."""
    reader = Reader()
    graph = read(reader, raw)
    if reader.faults or graph is None:
        raise InvalidJourney(reader.faults)
    return graph


def read(reader: Reader, raw: Any) -> Graph | None:
    """The graph, or None when something is wrong; what, is in `reader.faults`."""
    had = reader.fields(raw, KEYS, REQUIRED, "")
    graph = Graph(
        key=reader.slug(had["key"], "key") if "key" in had else "",
        name=_name(reader, had["name"], "name") if "name" in had else {},
        priority=reader.whole(had.get("priority", 50), "priority", 0, 100),
        trigger=_trigger(reader, had["trigger"], "trigger") if "trigger" in had else NEVER,
        entry=reader.condition(had["entry"], "entry") if "entry" in had else {},
        reentry=_reentry(reader, had.get("reentry", {"mode": "never"}), "reentry"),
        holdout=reader.share(had.get("holdout", 0), "holdout", HOLDOUT),
        exit=reader.condition(had["exit"], "exit") if "exit" in had else None,
        goal=_goal(reader, had["goal"], "goal") if "goal" in had else shape.NO_TIME,
        goal_exits=reader.flag(had.get("goal_exits", False), "goal_exits"),
        steps=_steps(reader, had["steps"], "steps") if "steps" in had else (),
    )
    return None if reader.faults else graph


def _name(reader: Reader, raw: Any, path: str) -> dict[str, str]:
    had = reader.fields(raw, ("zh", "en"), ("zh", "en"), path)
    return {language: reader.text(text, f"{path}.{language}", 60) for language, text in had.items()}


def _trigger(reader: Reader, raw: Any, path: str) -> Trigger:
    had = reader.fields(raw, TRIGGERS, (), path)
    if isinstance(raw, dict) and len(had) != 1:
        known = _("a trigger has exactly one of: %(known)s") % {"known": ", ".join(TRIGGERS)}
        return reader.fault(path, "unknown_trigger", known) or NEVER
    if "schedule" in had:
        return _on_schedule(reader, had["schedule"], f"{path}.schedule")
    return _on_event(reader, had["event"], f"{path}.event") if "event" in had else NEVER


def _on_schedule(reader: Reader, raw: Any, path: str) -> Trigger:
    had = reader.fields(raw, ("cron", "timezone", "misfire"), ("cron", "timezone"), path)
    cron = had.get("cron")
    if "cron" in had and not (isinstance(cron, str) and schedules.valid(cron)):
        text = _("five fields, minute hour day month weekday, that come about: 0 10 * * *")
        reader.fault(f"{path}.cron", "wrong_form", text)
    misfire = reader.one_of(had.get("misfire", "once"), tuple(Schedule.Misfire.values), f"{path}.misfire")
    zone = _zone(reader, had, path)
    return NEVER if reader.faults else OnSchedule(str(cron), zone, misfire)


def _on_event(reader: Reader, raw: Any, path: str) -> Trigger:
    had = reader.fields(raw, ("type", "where", "within", "timezone"), ("type", "timezone"), path)
    return OnEvent(
        type=reader.text(had["type"], f"{path}.type", 50) if "type" in had else "",
        where=reader.condition(had["where"], f"{path}.where", event=True) if "where" in had else None,
        within=(reader.duration(had["within"], f"{path}.within") if "within" in had else None) or A_DAY,
        timezone=_zone(reader, had, path),
    )


def _zone(reader: Reader, had: dict[str, Any], path: str) -> str:
    zone = had.get("timezone")
    if "timezone" in had and not (isinstance(zone, str) and schedules.zone(zone)):
        reader.fault(f"{path}.timezone", "unknown_value", _("a timezone like Asia/Shanghai"))
    return str(zone)


def _reentry(reader: Reader, raw: Any, path: str) -> Reentry:
    had = reader.fields(raw, ("mode", "after"), ("mode",), path)
    mode = reader.one_of(had.get("mode", "never"), ("never", "always", "after"), f"{path}.mode")
    if mode == "after" and "after" not in had:
        reader.fault(f"{path}.after", "required", _("after how long since the enrolment before, like P90D"))
    if mode != "after" and "after" in had:
        reader.fault(f"{path}.after", "unknown_key", _("only the mode after takes it"))
    return Reentry(mode, reader.duration(had["after"], f"{path}.after") if "after" in had else None)


def _goal(reader: Reader, raw: Any, path: str) -> Duration:
    had = reader.fields(raw, ("did", "within"), ("did", "within"), path)
    if "did" in had:
        reader.one_of(had["did"], ("order",), f"{path}.did")
    return (reader.duration(had["within"], f"{path}.within") if "within" in had else None) or shape.NO_TIME


def _steps(reader: Reader, raw: Any, path: str) -> tuple[Step, ...]:
    if not isinstance(raw, list) or not 0 < len(raw) <= STEPS:
        return reader.fault(path, "wrong_type", _("a list of 1 to %(n)s steps") % {"n": STEPS}) or ()
    ids = [item.get("id") if isinstance(item, dict) else None for item in raw]
    following = [str(id) for id in ids[1:]] + [END]
    steps = [_step(reader, item, f"{path}[{n}]", following[n]) for n, item in enumerate(raw)]
    for n, id in enumerate(ids):
        if isinstance(id, str) and id in ids[:n]:
            reader.fault(f"{path}[{n}].id", "duplicate", _("another step has this id"))
    found = tuple(step for step in steps if step)
    if len(found) == len(raw):
        shape.examine(reader, found, path)
    return found


def _step(reader: Reader, raw: Any, path: str, following: str) -> Step | None:
    kinds = {"wait": _wait, "do": _act, "branch": _branch, "end": _end}
    known = ", ".join(["wait", *(f"do: {name}" for name in ACTIONS), "branch", "end"])
    if not isinstance(raw, dict):
        return reader.fault(path, "wrong_type", _("a step is an object with an id and one of: %(n)s") % {"n": known})
    given = [kind for kind in kinds if kind in raw]
    if len(given) != 1:
        return reader.fault(path, "unknown_step", _("a step has exactly one of: %(known)s") % {"known": known})
    if given == ["do"] and not (isinstance(raw["do"], str) and raw["do"] in ACTIONS):
        return reader.fault(f"{path}.do", "unknown_step", _("known: %(known)s") % {"known": ", ".join(ACTIONS)})
    id = reader.slug(raw["id"], f"{path}.id") if "id" in raw else ""
    if id in (END, "next", "next-window"):
        reader.fault(f"{path}.id", "wrong_form", _("this word says where a step leads; take another id"))
    return kinds[given[0]](reader, id, raw, path, following)


def _target(reader: Reader, raw: Any, path: str, following: str) -> str:
    """A step's id, `next`, or `end`. Whether there is such a step is seen when all are read."""
    if not isinstance(raw, str):
        return reader.fault(path, "wrong_type", _("the id of a step, next, or end")) or END
    return following if raw == "next" else raw


def _wait(reader: Reader, id: str, raw: dict[str, Any], path: str, following: str) -> Step:
    had = reader.fields(raw, ("id", "wait", "until", "late_ok", "late", "next"), ("id",), path)
    if ("late_ok" in had) != ("late" in had):
        reader.fault(f"{path}.late", "required", _("late_ok and late go together: how late, and then where"))
    if had.get("late") == WINDOW and "until" not in had:
        reader.fault(f"{path}.late", "unknown_value", _("there is a next window only where there is an until"))
    late = had.get("late", "")
    return Wait(
        id=id,
        next=_target(reader, had.get("next", "next"), f"{path}.next", following),
        length=reader.duration(had.get("wait"), f"{path}.wait") or shape.NO_TIME,
        until=_until(reader, had["until"], f"{path}.until") if "until" in had else None,
        late_ok=reader.duration(had["late_ok"], f"{path}.late_ok") if "late_ok" in had else None,
        late=_target(reader, late, f"{path}.late", following) if late not in ("", WINDOW) else late,
    )


def _until(reader: Reader, raw: Any, path: str) -> Until:
    had = reader.fields(raw, ("time", "weekdays"), ("time",), path)
    hour = reader.hour(had["time"], f"{path}.time") if "time" in had else time()
    days = reader.weekdays(had["weekdays"], f"{path}.weekdays") if "weekdays" in had else EVERY_DAY
    return Until(hour, days)


def _act(reader: Reader, id: str, raw: dict[str, Any], path: str, following: str) -> Step:
    action = ACTIONS.get(raw["do"])
    had = reader.fields(raw, ("id", "do", *action.keys, "next"), ("id", *action.required), path)
    next = _target(reader, had.get("next", "next"), f"{path}.next", following)
    before = len(reader.faults)
    params = action.read(reader, had, path)
    if reader.look_up and len(reader.faults) == before and all(key in had for key in action.required):
        action.check(reader, params, path)
    return Act(id, next, raw["do"], params)


def _branch(reader: Reader, id: str, raw: dict[str, Any], path: str, following: str) -> Step:
    reader.fields(raw, ("id", "branch"), ("id",), path)
    arms, path = raw["branch"], f"{path}.branch"
    if not isinstance(arms, list) or not 2 <= len(arms) <= ARMS:
        message = _("a list of 2 to %(n)s arms, the last of them else") % {"n": ARMS}
        return reader.fault(path, "wrong_type", message) or Branch(id, (), END)
    read = []
    for n, arm in enumerate(arms[:-1]):
        at = f"{path}[{n}]"
        had = reader.fields(arm, ("when", "next"), ("when", "next"), at)
        when = reader.condition(had["when"], f"{at}.when") if "when" in had else {}
        read.append((when, _target(reader, had.get("next", END), f"{at}.next", following)))
    at = f"{path}[{len(arms) - 1}]"
    had = reader.fields(arms[-1], ("else",), ("else",), at)
    return Branch(id, tuple(read), _target(reader, had.get("else", END), f"{at}.else", following))


def _end(reader: Reader, id: str, raw: dict[str, Any], path: str, following: str) -> Step:
    had = reader.fields(raw, ("id", "end"), ("id",), path)
    if had["end"] is not True:
        reader.fault(f"{path}.end", "wrong_type", _("end: true"))
    return End(id)
