"""What is known of members in one flat dictionary each: for templates, the API, explanations, the rule engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from cdp.conditions import vocabulary
from cdp.models import Member

Facts = dict[str, Any]


def facts(members: Sequence[int], *, as_of: datetime, names: Collection[str] | None = None) -> dict[int, Facts]:
    """Member -> {field: value}; a value that is not known is None. One statement for all of them, after
    the one that asks what is declared. `names`: only these, where many members are asked about.
    """
    fields = {name: field for name, field in vocabulary.known().items() if names is None or name in names}
    asked = {f"f{n}": field.expression(as_of) for n, field in enumerate(fields.values())}
    rows = Member.objects.filter(pk__in=members).annotate(**asked).values("pk", *asked)
    return {row["pk"]: {name: row[f"f{n}"] for n, name in enumerate(fields)} for row in rows}
