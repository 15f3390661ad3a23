"""What this room wants to hear. Called in the transaction that publishes a journey."""

from __future__ import annotations

from cdp import feed

READER = "automation"
KINDS = ("order", "message.sent", "message.undelivered")


def listen() -> None:
    feed.listen(READER, KINDS)
