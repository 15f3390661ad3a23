"""Which instants people may say: none that the database or a calendar cannot hold, and of what has happened none to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

EPOCH, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
FUTURE = timedelta(minutes=5)  # clocks of tills and phones differ; more than this is a mistake


def fault(at: datetime, *, now: datetime | None = None) -> tuple[str, str] | None:
    """Code and message of what is wrong with it. Without `now` it may lie ahead."""
    if now and at > now + FUTURE:
        return "future", _("lies in the future; it is %(now)s now") % {"now": now.isoformat()}
    if at < EPOCH:
        return "too_early", _("lies before 1970")
    return ("too_late", _("lies after 2199")) if at >= END else None
