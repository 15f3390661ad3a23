"""What this room does with what it hears: an order is credited; a message whose fate became known late moves credits; what
triggers journeys lets members in.
"""

from __future__ import annotations

from datetime import datetime

from automation import asking, triggers
from automation.listening import READER
from automation.results import attribution
from cdp import feed, segments

segments.USED.append(asking.journeys)
MESSAGES = ("message.sent", "message.undelivered")


@feed.READERS.register(READER)
def hear(heard: list[feed.Heard], *, now: datetime) -> None:
    orders = {fact.ref for fact in heard if fact.kind == "order"}
    told = [(fact.ref, fact.at) for fact in heard if fact.kind in MESSAGES]
    attribution.credit(sorted(orders.union(attribution.orders_after(told))), now=now)
    triggers.hear(heard, now=now)
