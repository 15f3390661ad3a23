"""What a fact says of itself: an event its own properties, an order or a refund what conditions may ask of one."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from automation.realtime.matcher import Happened
from cdp.conditions.vocabulary import RECORDS, Record
from cdp.feed import Heard
from cdp.models import Event


def happened(heard: Sequence[Heard], asked: Collection[str], *, as_of: datetime) -> list[Happened]:
    """The properties of those kinds that are asked for; one statement for all events, one for each other kind."""
    facts = [fact for fact in heard if fact.kind in asked]
    events = [fact for fact in facts if fact.kind not in RECORDS]
    said: dict[tuple[str, int], dict[str, Any]] = _of_events(events) if events else {}
    for kind in {fact.kind for fact in facts} & set(RECORDS):
        refs = [fact.ref for fact in facts if fact.kind == kind]
        said |= {(kind, ref): values for ref, values in _of_record(RECORDS.get(kind), refs, as_of).items()}
    return [Happened(fact.kind, fact.member, said.get((fact.kind, fact.ref), {})) for fact in heard]


def _of_events(facts: Sequence[Heard]) -> dict[tuple[str, int], dict[str, Any]]:
    """As text: a float of Python is not always the number that stands there."""
    rows = Event.objects.filter(id__in=[fact.ref for fact in facts], occurred_at__in=[fact.at for fact in facts])
    texts = rows.annotate(said=Cast("properties", TextField())).values_list("type", "id", "said")
    return {(kind, ref): json.loads(text, parse_float=Decimal) for kind, ref, text in texts}


def _of_record(record: Record, refs: Sequence[int], as_of: datetime) -> dict[int, dict[str, Any]]:
    """What is of single lines has no one value."""
    names = {f"p{n}": name for n, (name, one) in enumerate(record.properties.items()) if not one.of_line}
    columns = {column: record.properties[name].expression(as_of) for column, name in names.items()}
    rows = record.rows().filter(pk__in=refs).annotate(**columns).values("pk", *columns)
    return {row["pk"]: {name: row[column] for column, name in names.items()} for row in rows}
