"""One value of a condition, read as the type that it is compared with: a value, or a fault with its path."""

from __future__ import annotations

import unicodedata
from datetime import date as a_date
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from cdp.conditions import forms
from cdp.conditions.tree import Typed
from cdp.errors import Fault
from config.ground import durations

A_YEAR = 366  # days in which everything has its anniversary
TEXT = 200  # characters of a value
LARGEST = 10**15  # fen or counts; sums over members stay within 64 bits


class Values:
    """What is wrong is noted, and read as None."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, path: str, code: str, message: str) -> Any:
        """Note it; the answer, None, is what the caller has read."""
        self.faults.append(Fault(path, code, message))

    def value(self, field: Typed, op: str, raw: Any, path: str) -> Any:
        if op in ("in", "not_in", "between", "has_any", "has_all", "has_none"):
            size = 2 if op == "between" else None
            if not isinstance(raw, list) or not raw or len(raw) > 1000 or (size and len(raw) != size):
                wanted = _("a list of two values, from and to") if size else _("a list of 1 to 1000 values")
                return self.fault(path, "wrong_type", wanted)
            values = tuple(self.one(field, op, item, f"{path}[{n}]") for n, item in enumerate(raw))
            return None if None in values else values
        return self.one(field, op, raw, path)

    def one(self, field: Typed, op: str, raw: Any, path: str) -> Any:
        if op == "anniversary_within":
            return self.days(raw, path, most=A_YEAR)
        if op in ("within_last", "more_than_ago", "within_next"):
            return self.days(raw, path) if field.type == "date" else self.duration(raw, path)
        if field.type == "time":
            return self.instant(raw, path)
        if field.type == "date":
            return self.date(raw, path)
        if field.type == "boolean":
            return raw if isinstance(raw, bool) else self.fault(path, "wrong_type", _("true or false"))
        if field.type in ("number", "money"):
            return self.number(raw, path, whole=field.type == "money")
        if not isinstance(raw, str) or not 0 < len(raw) <= TEXT or "\0" in raw:
            return self.fault(path, "wrong_type", _("a text of 1 to %(n)s characters") % {"n": TEXT})
        text = unicodedata.normalize("NFKC", raw)
        if field.choices and text not in (known := [value for value, _label in field.choices]):
            return self.fault(path, "unknown_value", _("this field knows: %(known)s") % {"known": ", ".join(known)})
        return text

    def number(self, raw: Any, path: str, *, whole: bool) -> int | Decimal | None:
        if isinstance(raw, bool) or not isinstance(raw, int if whole else (int, float)):
            return self.fault(path, "wrong_type", _("a whole number of fen") if whole else _("a number"))
        if not abs(raw) <= LARGEST:
            return self.fault(path, "out_of_range", _("a number up to %(n)s") % {"n": LARGEST})
        return raw if isinstance(raw, int) else Decimal(str(raw))

    def duration(self, raw: Any, path: str) -> durations.Duration | None:
        if (length := durations.parse(raw)) is None:
            self.fault(path, "invalid_duration", _("a duration like P30D or PT12H, above zero and up to ten years"))
        return length

    def days(self, raw: Any, path: str, *, most: int = durations.LONGEST) -> durations.Duration | None:
        length = durations.parse(raw) if isinstance(raw, str) and forms.is_days(raw) else None
        if length is None or length.days > most:
            return self.fault(
                path, "invalid_duration", _("whole days like P30D, above zero and up to P%(most)sD") % {"most": most}
            )
        return length

    def date(self, raw: Any, path: str) -> a_date | None:
        try:
            day = a_date.fromisoformat(raw) if isinstance(raw, str) and forms.is_date(raw) else None
        except ValueError:
            day = None
        return day or self.fault(path, "invalid_date", _("a date like 1990-05-01"))

    def instant(self, raw: Any, path: str) -> datetime | None:
        try:
            at = datetime.fromisoformat(raw) if isinstance(raw, str) and forms.is_instant(raw) else None
        except ValueError:
            at = None
        return at or self.fault(path, "invalid_time", _("an instant with its offset, like 2026-03-01T10:00:00+08:00"))
