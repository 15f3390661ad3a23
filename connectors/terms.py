"""What an account's settings say, with their defaults: one reading for all who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

QUERY_LAG = 60  # seconds


@dataclass(frozen=True)
class Terms:
    quiet: tuple[time, time]  # from, until; in the brand's zone; marketing only
    price_fen: Decimal  # a segment
    timeout: float  # seconds; less than half the lease
    lease: float
    query_lag: float  # seconds until what was taken can surely be found

    def allowed_from(self, at: datetime, tz: ZoneInfo) -> datetime:
        """`at` itself outside the quiet hours, else the instant at which they end."""
        start, end = self.quiet
        local = at.astimezone(tz)
        clock = local.timetz().replace(tzinfo=None)
        quiet = start <= clock < end if start <= end else clock >= start or clock < end
        if not quiet:
            return at
        day = local.date() + timedelta(days=1 if clock >= end else 0)
        return datetime.combine(day, end, tz).astimezone(at.tzinfo)


def read(settings: dict[str, Any]) -> Terms:
    """Raises ValueError that names the setting."""
    try:
        start, end = (time.fromisoformat(text) for text in settings.get("quiet", ("20:00", "09:00")))
    except (ValueError, TypeError):
        raise ValueError(_('quiet: write two times of the day, like ["20:00", "09:00"]')) from None
    if start == end and "quiet" in settings:
        raise ValueError(_("quiet: the two times must differ"))
    timeout, lease = float(settings.get("timeout", 10)), float(settings.get("lease", 60))
    if not 0 < timeout < lease / 2:
        raise ValueError(_("timeout: must be above 0 and below half the lease"))
    price, lag = Decimal(str(settings.get("price_fen", 6))), float(settings.get("query_lag", QUERY_LAG))
    if price < 0 or lag <= 0:
        raise ValueError(_("price_fen: not below 0; query_lag: above 0"))
    return Terms((start, end), price, timeout, lease, lag)
