"""What this room does with what it hears."""

from __future__ import annotations

from datetime import datetime

from cdp import feed
from loyalty import earning


@feed.READERS.register(earning.READER)
def hear(heard: list[feed.Heard], *, now: datetime) -> None:
    earning.earn_by_orders([fact.ref for fact in heard if fact.kind == "order"], now=now)
