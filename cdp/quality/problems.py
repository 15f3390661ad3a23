"""What needs somebody to look: days that fell short, kinds that fell silent, rows that wait too long or are rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import translation
from django.utils.translation import gettext as _

from cdp.quality.definitions import both
from cdp.quality.shapes import Problem, Volume, Waiting
from cdp.quality.usual import LEAST

RECENT = 7  # days for which a drop or rejected rows are still news
HEARD = 5  # days with a gap, before a silence can be unusual
MASTER_DATA = ("members", "products")
LONGER, SHORTEST = 1.5, timedelta(hours=1)
REJECTED, OF_ROWS = 0.05, 20


@dataclass(frozen=True)
class Silence:
    """A kind of one source: when it last came, and how long it is usually silent."""

    kind: str
    last_at: datetime
    usual: timedelta | None
    days: int
    rows: int

    def broken(self, as_of: datetime) -> bool:
        """Members and products come when there is something new: a few a day, and then none, is no fault of the source."""
        if not self.usual or self.days < HEARD or (self.kind in MASTER_DATA and self.rows < LEAST):
            return False
        return as_of - self.last_at > max(LONGER * self.usual, SHORTEST)


def drops(volumes: Iterable[Volume], *, since: date) -> list[Problem]:
    found = []
    for volume in volumes:
        for day in volume.days:
            if day.dropped and day.usual is not None and day.day >= since:
                rows = day.accepted - day.history
                text = both(_drop(volume.kind, day.day, rows, day.usual))
                found.append(Problem("drop", volume.kind, day.day, rows, day.usual, text))
    return found


def silences(found: Iterable[Silence], *, as_of: datetime) -> list[Problem]:
    return [
        Problem("silent", one.kind, None, 0, None, both(_silence(one, as_of))) for one in found if one.broken(as_of)
    ]


def late(parked: Iterable[Waiting]) -> list[Problem]:
    return [Problem("late", one.kind, None, one.late, None, both(_late(one.late))) for one in parked if one.late]


def rejections(volumes: Iterable[Volume], *, since: date) -> list[Problem]:
    found = []
    for volume in volumes:
        days = [day for day in volume.days if day.day >= since]
        rows, bad = sum(day.rows for day in days), sum(day.rejected for day in days)
        if rows >= OF_ROWS and bad / rows >= REJECTED:
            found.append(Problem("rejections", volume.kind, None, bad, None, both(_rejections(volume.kind, bad, rows))))
    return found


def said(problem: Problem) -> str:
    """In the reader's language."""
    return problem.text.zh if (translation.get_language() or "").startswith("zh") else problem.text.en


def _drop(kind: str, day: date, rows: int, usual: float) -> Callable[[], str]:
    return lambda: (
        _("%(kind)s of %(day)s: %(rows)s new rows; on this weekday there are usually %(usual)s")
        % {"kind": kind_label(kind), "day": day.isoformat(), "rows": f"{rows:,}", "usual": f"{round(usual):,}"}
    )


def _silence(one: Silence, as_of: datetime) -> Callable[[], str]:
    assert one.usual
    silent, usual = as_of - one.last_at, one.usual
    return lambda: (
        _("%(kind)s: nothing for %(silent)s; usually they are silent for at most %(usual)s")
        % {"kind": kind_label(one.kind), "silent": lasting(silent), "usual": lasting(usual)}
    )


def _late(rows: int) -> Callable[[], str]:
    return lambda: _("%(rows)s parked rows wait longer than the brand's patience") % {"rows": f"{rows:,}"}


def _rejections(kind: str, bad: int, rows: int) -> Callable[[], str]:
    return lambda: (
        _("%(kind)s: %(bad)s of %(rows)s rows of the last 7 days were rejected")
        % {"kind": kind_label(kind), "bad": f"{bad:,}", "rows": f"{rows:,}"}
    )


def lasting(span: timedelta | float) -> str:
    """A time as people say it: its largest unit, and the next where that is small."""
    seconds = round(span.total_seconds() if isinstance(span, timedelta) else span)
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)d min") % {"n": seconds // 60}
    if seconds < 172_800:
        hours, minutes = seconds // 3600, seconds % 3600 // 60
        return _("%(h)d h %(min)d min") % {"h": hours, "min": minutes} if minutes else _("%(h)d h") % {"h": hours}
    return _("%(n)d days") % {"n": seconds // 86_400}


def kind_label(kind: str) -> str:
    known: Mapping[str, str] = {
        "members": _("members"),
        "products": _("products"),
        "orders": _("orders"),
        "order_items": _("order lines"),
        "refunds": _("refunds"),
        "returns": _("returns without an order"),
        "events": _("events"),
        "refund": _("refunds"),
        "event": _("events"),
    }
    return known.get(kind, kind)
