"""What a family of features is: a table, the statement that fills it for some or for all, and the fields that conditions may ask.

A statement takes %(members)s (bigint[] or NULL for everybody), %(as_of)s and %(tz)s, and gives member_id and the columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Model

from cdp.conditions.vocabulary import Field


@dataclass(frozen=True)
class Family:
    table: type[Model]
    statement: str
    columns: tuple[str, ...]
    fields: Mapping[str, Field]
    # Columns that are no answer by themselves: parts of a field, or what the passes steer by.
    inner: tuple[str, ...] = ()


def chosen(member: str) -> str:
    """SQL: is among the members asked for."""
    return f"(%(members)s::bigint[] IS NULL OR {member} = ANY(%(members)s))"
