"""What a condition finds, before anything is made of it: how many, who for instance, and how many each part of it finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet
from msgspec import Struct

from cdp.conditions import historical, in_both
from cdp.conditions.explain import Texts
from cdp.conditions.sql import compile
from cdp.conditions.tree import All, AnyOf, Node, Not
from cdp.models import Member

SAMPLE = 10  # members


class Part(Struct):
    """A node of the tree, and how many members fulfil it by itself."""

    path: str
    sentence: Texts
    count: int


class Preview(Struct):
    """`sample`: the last who came. `historical`: what is said of a past instant is what was so then."""

    count: int
    total: int
    sentence: Texts
    historical: bool
    sample: list[int]
    parts: list[Part]


def standing() -> QuerySet[Member]:
    """Who can be in a segment."""
    return Member.objects.filter(merged_into=None, erased_at=None)


def count(node: Node, *, as_of: datetime) -> int:
    return standing().filter(compile(node, as_of=as_of)).count()


def preview(node: Node, *, as_of: datetime) -> Preview:
    """A statement for each part. The first part is the whole."""
    found = standing().filter(compile(node, as_of=as_of))
    parts = [Part(path, Texts(**in_both(part)), count(part, as_of=as_of)) for path, part in nodes(node)]
    return Preview(
        count=parts[0].count,
        total=standing().count(),
        sentence=parts[0].sentence,
        historical=historical(node),
        sample=list(found.order_by("-pk").values_list("pk", flat=True)[:SAMPLE]),
        parts=parts,
    )


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its path, as faults and explanations name it."""
    yield path, node
    match node:
        case All(inner) | AnyOf(inner):
            kind = "all" if isinstance(node, All) else "any"
            for n, item in enumerate(inner):
                yield from nodes(item, f"{path}.{kind}[{n}]".lstrip("."))
        case Not(inner):
            yield from nodes(inner, f"{path}.not".lstrip("."))
