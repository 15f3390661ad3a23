"""Words for this room's closed vocabularies: channels and purposes of consent, kinds of identities."""

from __future__ import annotations

from typing import Any

from cdp import kinds
from cdp.models.consent import Channel, Purpose

CHANNELS: dict[str, Any] = dict(Channel.choices)
PURPOSES: dict[str, Any] = dict(Purpose.choices)
KINDS: dict[str, Any] = {kind.name: kind.label for kind in kinds.KINDS}
