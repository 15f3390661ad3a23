"""What can go wrong in this room, each named once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rejected:
    """One row that was not stored, and what would be right."""

    index: int
    path: str
    code: str
    message: str


@dataclass(frozen=True)
class Fault:
    """One fault in a document, at its path."""

    path: str
    code: str
    message: str


class BatchRejected(Exception):
    """An atomic batch had rejected rows; nothing of it was stored."""

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        super().__init__(f"{len(rejected)} rows rejected")
        self.rejected = list(rejected)


class InvalidIdentity(ValueError):
    """An identity that is not `kind:value` of a known kind, or whose value cannot be one."""


class Unreadable(Exception):
    """A file that cannot be read as a table of its kind; the message says what would be right."""


class InvalidCondition(ValueError):
    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
        self.faults = list(faults)


class TooManyAttributes(ValueError):
    """A member would have more attributes than the bound that it names."""


class InvalidBrand(ValueError):
    """Settings of the brand that cannot be, each with what would be right."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
        self.faults = list(faults)
