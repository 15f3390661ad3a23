"""What can be wrong with steps together: a way that leads nowhere, a loop that never rests; a warning for the unreachable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _

from automation.graph import END, Act, Branch, Step, Wait, ways
from automation.reading import Reader
from cdp.errors import Fault
from config.ground.durations import Duration

NO_TIME = Duration(0, timedelta(0))  # stands where a duration was faulted


def examine(reader: Reader, steps: Sequence[Step], path: str) -> None:
    ids = {step.id for step in steps}
    for n, step in enumerate(steps):
        for name, target in _named_ways(step):
            if target not in ids and target != END:
                message = _("there is no such step; known: %(known)s")
                known = ", ".join([*(other.id for other in steps), END])
                reader.fault(f"{path}[{n}].{name}", "unknown_target", message % {"known": known})
    at_once = {step.id: () if isinstance(step, Wait) else ways(step) for step in steps}
    for n, step in enumerate(steps):
        if step.id in _reached(at_once, at_once[step.id]):
            reader.fault(f"{path}[{n}]", "endless", _("this leads back to itself without a wait"))


def unreachable(steps: Sequence[Step], path: str = "steps") -> list[Fault]:
    """Warnings: a half-wired draft is legitimate, and a step that nobody can come to harms nobody."""
    leads = {step.id: ways(step) for step in steps}
    reached = {steps[0].id} | _reached(leads, leads[steps[0].id])
    message = _("no way leads to this step")
    return [Fault(f"{path}[{n}]", "unreachable", message) for n, step in enumerate(steps) if step.id not in reached]


def _reached(leads: dict[str, tuple[str, ...]], first: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(first)
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            waiting += leads.get(step, ())
    return seen


def _named_ways(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case Wait() | Act():
            yield "next", step.next
            if isinstance(step, Wait) and step.late not in ("", "next_window"):
                yield "late", step.late
        case Branch():
            for n, (_when, target) in enumerate(step.arms):
                yield f"branch[{n}].next", target
            yield f"branch[{len(step.arms)}].else", step.other
