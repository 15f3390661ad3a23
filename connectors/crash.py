"""Named places to die at, for the tests that kill: `CRASH_AT=claim.after` ends the process there as kill -9 would."""

from __future__ import annotations

import os

POINTS = (
    "claim.before_commit",
    "claim.after",
    "call.after",
    "settle.before_commit",
    "settle.after",
    "ask.after",
    "receipt.before_commit",
)


def point(label: str) -> None:
    assert label in POINTS, label
    if os.environ.get("CRASH_AT") == label:
        os._exit(137)
