"""The audiences that an installation begins with: segments like any other, made once; what a brand changes or removes stays so.

One whose fields do not exist here is left for later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from cdp import segments
from cdp.conditions import validate
from cdp.models import Segment
from config.ground.models import AuditRow

FOLDER = Path(__file__).parent
FILES = ("bought", "habits")
ACTOR = "huitou"


def written() -> Iterator[dict[str, Any]]:
    for name in FILES:
        yield from json.loads((FOLDER / f"{name}.json").read_text())


@transaction.atomic
def make(*, now: datetime) -> list[str]:
    """Those that were never here. Returns their keys."""
    there = set(Segment.objects.values_list("key", flat=True))
    there |= {key.removeprefix("segment:") for key in _once()}
    made = []
    for one in written():
        if one["key"] not in there and not validate(one["condition"]):
            segments.save(Segment(ready=True, **one), actor=ACTOR, now=now)
            made.append(one["key"])
    return made


def _once() -> set[str]:
    return set(AuditRow.objects.filter(actor=ACTOR, action="segment.saved").values_list("subject", flat=True))
