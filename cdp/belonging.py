"""The list of what belongs to a member. Every room says its part in its `belongings.py`; here is what all read it by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Model

from cdp.handover import Policy
from cdp.leaving import Erase, Export
from cdp.models import FeedRow
from config.ground.registry import Registry


@dataclass(frozen=True)
class Belonging:
    model: type[Model]
    member: str = "member"  # the look-up from a row to its member
    merge: Policy | None = None
    export: Export | None = None
    erase: Erase | None = None

    def count(self, member: int) -> int:
        return self.model._default_manager.filter(**{self.member: member}).count()


BELONGINGS: Registry[Belonging] = Registry("belonging")


def declare(
    model: type[Model],
    member: str = "member",
    *,
    merge: Policy | None = None,
    export: Export | None = None,
    erase: Erase | None = None,
) -> None:
    BELONGINGS.add(model._meta.label, Belonging(model, member, merge, export, erase))


def held(member: int) -> Iterator[tuple[type[Model], int]]:
    """How many rows of each table are held on a member; tables that hold none are left out."""
    for _label, belonging in sorted(BELONGINGS.items()):
        if count := belonging.count(member):
            yield belonging.model, count


def going(member: int) -> Iterator[tuple[type[Model], int]]:
    """How many rows of each table a merge into another member would take over; tables without any are left out."""
    for _label, belonging in sorted(BELONGINGS.items()):
        if belonging.merge and belonging.model is not FeedRow and (count := belonging.merge.going(belonging, member)):
            yield belonging.model, count


def names() -> dict[str, str]:
    """Name of a table -> what people call its rows."""
    models = (belonging.model._meta for _label, belonging in BELONGINGS.items())
    return {str(meta.model_name): str(meta.verbose_name_plural) for meta in models}
