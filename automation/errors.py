"""What can go wrong in this room, each named once."""

from __future__ import annotations

from collections.abc import Sequence

from cdp.errors import Fault


class InvalidJourney(ValueError):
    """A document that cannot be published; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.path}: {f.message}" if f.path else f.message for f in faults))
        self.faults = list(faults)


class UnknownJourney(LookupError):
    """There is no journey of this key."""


class JourneyRefused(Exception):
    """A journey cannot go from its state to the one that is asked for; the message says why."""


class StepBroken(Exception):
    """Nobody can take this step as things are (its template is gone): the step waits, nobody fails."""
