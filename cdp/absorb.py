"""The first reader: what came in becomes profile, placement, segments and tags, and only then do the other readers hear of it."""

from __future__ import annotations

from datetime import datetime

from cdp import feed, judging, placement, profiles
from cdp.ingest.batch import HISTORY


@feed.READERS.register(feed.PROFILE)
def absorb(heard: list[feed.Heard], *, now: datetime) -> None:
    members = sorted({fact.member for fact in heard})
    loud = {fact.member for fact in heard if fact.kind != HISTORY}
    at = profiles.refresh_on(members, now=now)
    placement.place(members, as_of=at, quiet=set(members) - loud)
    judging.refresh(members, as_of=at, quiet=set(members) - loud)
    feed.tell_listeners([fact for fact in heard if fact.kind != HISTORY])
