"""How instants, days and lengths of time are written. One place for what is read, and for what the JSON Schema says of it; what
SQL reads of an event has the same forms (migration 0040).
"""

from __future__ import annotations

import re

_YEAR = r"((1[89]|2[01])[0-9]{2}|2200)"
DATE = rf"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
INSTANT = rf"{DATE}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{{1,6}})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
DAYS = r"P(?=0*[1-9])([0-9]{1,4}W|[0-9]{1,5}D)"
LENGTH = r"P(?=.*[1-9])([0-9]{1,4}W|(?=[0-9]|T[0-9])([0-9]{1,5}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,6}M)?)?)"
TEXT = r"[^\u0000]*"

is_date = re.compile(DATE).fullmatch
is_instant = re.compile(INSTANT).fullmatch
is_days = re.compile(DAYS).fullmatch
