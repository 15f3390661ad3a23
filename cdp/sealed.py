"""This room's sealed columns."""

from cdp.models import DataKey, Event, Identity
from config.ground.sealed import Blind, declare, declare_under_members

declare(Identity, "sealed", blind=Blind(after=("kind", "app")))
declare(DataKey, "sealed_key", opens=bytes.fromhex)
declare_under_members(Event, "sealed")
