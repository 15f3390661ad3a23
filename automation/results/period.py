"""Which enrolments a report speaks of: those of one journey whose enrolment lies in a period, known as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Period:
    """Enrolled from `start` up to, but not at, `end`; an enrolment after `as_of` is not known yet."""

    as_of: datetime
    start: datetime = ALWAYS
    end: datetime | None = None

    def parameters(self, journey: int) -> dict[str, Any]:
        return {"journey": journey, "start": self.start, "end": self.end, "as_of": self.as_of}


ENROLLED = """journey_id = %(journey)s AND enrolled_at >= %(start)s AND enrolled_at <= %(as_of)s
              AND (%(end)s::timestamptz IS NULL OR enrolled_at < %(end)s)"""
