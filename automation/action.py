"""What an action is: one file in automation/actions/ that reads its own part of a step and acts on a set of enrolments.

It acts in the transaction of the step; its effects are keyed by the step's cause, so that none can happen twice.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from automation.reading import Reader
from config.ground.cause import Cause
from config.ground.registry import Registry


@dataclass(frozen=True)
class Turn:
    """An enrolment whose turn it is at a step, locked by us."""

    enrolment: int
    member: int
    visit: int
    due_at: datetime
    cause: Cause


@dataclass(frozen=True)
class Did:
    outcome: str
    message: UUID | None = None


class Action(ABC):
    keys: ClassVar[tuple[str, ...]]  # of the step, besides id, do, next
    required: ClassVar[tuple[str, ...]]
    broken_by: ClassVar[tuple[type[Exception], ...]] = ()  # nobody's fault: the step cannot be taken by anyone

    @abstractmethod
    def read(self, reader: Reader, fields: dict[str, Any], path: str) -> Any:
        """The step's parameters. A required field that is missing has been faulted already."""

    def check(self, reader: Reader, params: Any, path: str) -> None:  # noqa: B027  # most have nothing to look up
        """Faults that only the database can see. For those who publish: what is published may outlive what it names."""

    @abstractmethod
    def run(self, params: Any, turns: Sequence[Turn], *, now: datetime) -> list[Did]:
        """One answer per turn, in order."""


ACTIONS: Registry[Action] = Registry("action")


def discover() -> None:
    """Import every file of automation/actions; each registers itself."""
    package = importlib.import_module("automation.actions")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"automation.actions.{found.name}")
