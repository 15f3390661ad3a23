"""One language for every question about members. The JSON grammar is in docs/conditions.md."""

from cdp.conditions.facts import facts
from cdp.conditions.sentence import sentence
from cdp.conditions.sql import matching
from cdp.conditions.validate import parse, validate

__all__ = ["facts", "matching", "parse", "sentence", "validate"]
