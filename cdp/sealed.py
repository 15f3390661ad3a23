"""This room's sealed columns."""

from collections.abc import Mapping

from cdp.models import DataKey, Event, Identity, IngestBody, Parked
from config.ground.sealed import FOLLOWERS, LARGE, Blind, Followers, Pairs, declare, declare_under_members


def follow(pairs: Pairs, version: str) -> None:
    """What waits for a member keeps the blinds of the day on which it came, since most of what it waits for no row has yet:
    who looks it up (a batch that brings the member, an erasure) does so under every version.
    """


def stuck(version: str) -> Mapping[str, int]:
    """Events that wait for their member are found by the blinds that were written when they came."""
    count = Parked.objects.filter(blind_key=version).count()
    return {Parked._meta.label: count} if count else {}


declare(Identity, "sealed", blind=Blind(after=("kind", "app")))
declare(DataKey, "sealed_key", opens=bytes.fromhex)
declare(Parked, "sealed")
declare(IngestBody, "sealed", opens=None, rows=LARGE)
declare_under_members(Event, "sealed")
FOLLOWERS.add(Parked._meta.label, Followers(follow, stuck))
