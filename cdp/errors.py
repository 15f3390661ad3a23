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


class Decided(Exception):
    """A pair of members about which somebody has decided already."""


class InvalidAttribute(ValueError):
    """An attribute that cannot be declared so: the field of its definition, and what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidTag(ValueError):
    """A tag that is not `family:name` of a known family."""


class Unreadable(Exception):
    """A file that cannot be read as a table of its kind; the message says what would be right."""


class UnknownSource(Exception):
    """No row ever came from a source of this code."""


class InvalidCondition(ValueError):
    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
        self.faults = list(faults)


class InUse(Exception):
    """Something asks for it, so it stays; the names of what does."""

    def __init__(self, users: Sequence[str]) -> None:
        super().__init__(", ".join(users))
        self.users = list(users)


class CannotMerge(Exception):
    """Two members cannot be joined, or parted again, as things are. `code`: same, unknown, points_held; undone, not_last."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class InvalidEventType(ValueError):
    """An event type that cannot be declared as asked."""


class TooManyRevealed(Exception):
    """Somebody wants to see more identities in the clear than one person needs."""


class WordRefused(Exception):
    """A word of consent that cannot be taken; the message says what is lacking."""


class Undescribed(Exception):
    """What somebody says of a member cannot be taken from them; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Erased(Exception):
    """The member was erased."""


class TooManyAttributes(ValueError):
    """A member would have more attributes than the bound that it names."""


class InvalidBrand(ValueError):
    """Settings of the brand that cannot be, each with what would be right."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.message}" for f in faults))
        self.faults = list(faults)


class UnknownWhom(ValueError):
    """No set of members goes by this name; the message says what would be right."""


class InvalidPath(ValueError):
    """A path of acts that cannot be followed: its part, and what would be right."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part
