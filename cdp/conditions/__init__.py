"""One language for every question about members. The JSON grammar is in docs/conditions.md."""

from cdp.conditions.explain import explain
from cdp.conditions.facts import facts
from cdp.conditions.history import historical
from cdp.conditions.sentence import in_both, sentence
from cdp.conditions.sql import matching
from cdp.conditions.validate import parse, validate

__all__ = ["explain", "facts", "historical", "in_both", "matching", "parse", "sentence", "validate"]
