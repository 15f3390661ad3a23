"""ISO 8601 durations. Days are days of the brand's calendar (the same local time n days away), hours are exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_FORM = re.compile(r"P(?:(\d{1,4})W|(?=\d|T\d)(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?)?)", re.ASCII)
LONGEST = 3660  # days; ten years is beyond any use that a shop has


@dataclass(frozen=True)
class Duration:
    days: int
    exact: timedelta  # the hours and minutes

    def before(self, at: datetime, tz: ZoneInfo) -> datetime:
        return self._move(at, tz, -1)

    def after(self, at: datetime, tz: ZoneInfo) -> datetime:
        return self._move(at, tz, 1)

    def _move(self, at: datetime, tz: ZoneInfo, sign: int) -> datetime:
        local = at.astimezone(tz)
        moved = (local.replace(tzinfo=None) + sign * timedelta(days=self.days)).replace(tzinfo=tz, fold=local.fold)
        return (moved if self.days else local).astimezone(UTC) + sign * self.exact


def parse(text: object) -> Duration | None:
    """`P30D`, `P2W`, `PT1H`, `P1DT12H` -> Duration; None for anything else, for zero, and beyond ten years."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    weeks, days, hours, minutes = (int(group or 0) for group in found.groups())
    length = Duration(7 * weeks + days, timedelta(hours=hours, minutes=minutes))
    total = timedelta(days=length.days) + length.exact
    return length if timedelta(0) < total <= timedelta(days=LONGEST) else None
