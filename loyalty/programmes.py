"""A programme begins: from that instant on the orders that come in earn points."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from cdp import feed
from loyalty.earning import READER
from loyalty.models import Programme
from loyalty.models.programme import MAIN


@transaction.atomic
def start(key: str = MAIN, *, points_per_unit: Decimal, name: str = "", now: datetime) -> Programme:
    """Start a programme; one that has started stays as it is."""
    programme, _made = Programme.objects.get_or_create(
        key=key, defaults={"name": name or key, "points_per_unit": points_per_unit, "started_at": now}
    )
    feed.listen(READER, ["order"])
    return programme
