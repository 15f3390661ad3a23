"""What can go wrong in this room, each named once."""

from __future__ import annotations

from uuid import UUID


class ConflictingCause(Exception):
    """The cause has posted before, and what is asked of it now is something else."""

    def __init__(self, account: int, cause: UUID) -> None:
        super().__init__(f"cause {cause} has posted something else to account {account}")
        self.account, self.cause = account, cause


class InvalidPoints(ValueError):
    """Points that are not above zero, or finer than a hundredth."""


class NotReversible(Exception):
    """The entry is a correction itself, was corrected before, or its points are no longer whole."""


class UnknownProgramme(LookupError):
    """There is no points programme of this key."""
