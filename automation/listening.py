"""What this room wants to hear: what its results are made of, and the events that let members into journeys."""

from __future__ import annotations

from collections.abc import Sequence

from cdp import feed

READER = "automation"
KINDS = ("order", "message.sent", "message.undelivered")


def listen(kinds: Sequence[str] = ()) -> None:
    """Call it in the transaction that publishes a journey."""
    feed.listen(READER, (*KINDS, *kinds))
