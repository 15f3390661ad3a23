"""Reading a document part by part: each part says what is wrong with it and where, and reading goes on."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from cdp import conditions
from cdp.errors import Fault
from config.ground import durations

SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Reader:
    def __init__(self, *, look_up: bool = False) -> None:
        self.look_up = look_up  # ask the database too: for those who publish
        self.faults: list[Fault] = []

    def fault(self, path: str, code: str, message: str) -> Any:
        """Answers None, for `return self.fault(...)`."""
        self.faults.append(Fault(path, code, message))

    def fields(self, raw: Any, known: tuple[str, ...], required: tuple[str, ...], path: str) -> dict[str, Any]:
        """The known fields that are there; faults for the unknown and the missing."""
        if not isinstance(raw, dict):
            return self.fault(path, "wrong_type", _("an object with: %(known)s") % {"known": ", ".join(known)}) or {}
        dot = f"{path}." if path else ""
        for key in raw:
            if key not in known:
                message = _("there is no such key; known: %(known)s") % {"known": ", ".join(known)}
                self.fault(f"{dot}{key}", "unknown_key", message)
        for key in required:
            if key not in raw:
                self.fault(f"{dot}{key}", "required", _("this field is required"))
        return {key: raw[key] for key in known if key in raw}

    def text(self, raw: Any, path: str, longest: int = 200) -> str:
        if not isinstance(raw, str) or not 0 < len(raw) <= longest or "\0" in raw:
            return self.fault(path, "wrong_type", _("a text of 1 to %(n)s characters") % {"n": longest}) or ""
        return raw

    def slug(self, raw: Any, path: str) -> str:
        if not isinstance(raw, str) or not SLUG.fullmatch(raw):
            message = _("small letters, digits and hyphens, at most 40, a letter first")
            return self.fault(path, "wrong_form", message) or ""
        return raw

    def one_of(self, raw: Any, known: tuple[str, ...], path: str) -> str:
        if not isinstance(raw, str) or raw not in known:
            return self.fault(path, "unknown_value", _("known: %(known)s") % {"known": ", ".join(known)}) or ""
        return raw

    def flag(self, raw: Any, path: str) -> bool:
        if not isinstance(raw, bool):
            self.fault(path, "wrong_type", _("true or false"))
        return raw is True

    def whole(self, raw: Any, path: str, low: int, high: int) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            message = _("a whole number from %(low)s to %(high)s") % {"low": low, "high": high}
            return self.fault(path, "out_of_range", message) or low
        return raw

    def share(self, raw: Any, path: str, most: float) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw <= most:
            return self.fault(path, "out_of_range", _("a share from 0 to %(most)s") % {"most": most}) or 0.0
        return float(raw)

    def points(self, raw: Any, path: str) -> Decimal:
        number = None if isinstance(raw, bool) or not isinstance(raw, int | float) else Decimal(str(raw))
        if number is None or not 0 < number <= 1_000_000 or number != round(number, 2):
            message = _("points above 0 and up to 1000000, with at most two decimals")
            return self.fault(path, "out_of_range", message) or Decimal(1)
        return number

    def duration(self, raw: Any, path: str) -> durations.Duration | None:
        if (length := durations.parse(raw)) is None:
            self.fault(path, "invalid_duration", _("a duration like P30D or PT12H, above zero and up to ten years"))
        return length

    def hour(self, raw: Any, path: str) -> time:
        if not isinstance(raw, str) or not HOUR.fullmatch(raw):
            return self.fault(path, "wrong_form", _('a time of the day, like "10:00"')) or time()
        return time.fromisoformat(raw)

    def weekdays(self, raw: Any, path: str) -> tuple[int, ...]:
        if not isinstance(raw, list) or not raw or not all(type(day) is int and 1 <= day <= 7 for day in raw):
            return self.fault(path, "wrong_type", _("a list of weekdays, 1 Monday to 7 Sunday")) or (1,)
        return tuple(sorted(set(raw)))

    def condition(self, raw: Any, path: str, *, event: bool = False) -> dict[str, Any]:
        """`event`: properties of the event that triggers the journey may be asked for."""
        faults = conditions.validate(raw, path, event=event)
        self.faults += faults
        return {} if faults else raw
