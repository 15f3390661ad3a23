"""Segments and tag rules in one order: what a condition asks for is judged before it, and nothing asks for itself.

Whoever changes one holds all of them until the transaction ends, so that two editors cannot make a circle together; the trigger
`what_a_definition_needs_comes_before_it` sees to it whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cdp.conditions import parse
from cdp.conditions.tree import Compare, Consented, Did, InSegment, Node, Tagged, leaves
from cdp.conditions.vocabulary import Field
from cdp.errors import Fault, InvalidCondition
from cdp.models import Segment, TagRule

Defined = Segment | TagRule
_TIMES = ("within_last", "more_than_ago", "within_next", "anniversary_within")
_ONE, _OTHER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 6, 15, 12, tzinfo=UTC)


def hold() -> None:
    """All of them, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cdp_in_order'))")


def all_of_them() -> list[Defined]:
    """In the order in which they are judged."""
    found: list[Defined] = [*Segment.objects.all(), *TagRule.objects.select_related("tag")]
    return sorted(found, key=lambda one: (one.level, name(one)))


def name(one: Defined) -> str:
    return f"segment:{one.key}" if isinstance(one, Segment) else f"tag:{one.tag}"


def read(one: Defined) -> None:
    """Note what its condition asks for. Raises InvalidCondition."""
    node = None if one.condition is None else parse(one.condition, "condition")
    one.needs = sorted({need for leaf in leaves(node) if (need := _need(leaf))}) if node else []
    one.timed = any(_is_timed(leaf) for leaf in leaves(node)) if node else False
    one.judged_at = None


def _need(leaf: Node) -> str:
    match leaf:
        case InSegment(key):
            return f"segment:{key}"
        case Tagged(family, tag):
            return f"tag:{family}:{tag}"
    return ""


def _is_timed(leaf: Node) -> bool:
    """It may change while nobody tells anything of the member. What is not known to be steady is looked at every hour."""
    match leaf:
        case Compare(_name, op, _value, of):
            return op in _TIMES or not isinstance(of, Field) or not _is_steady(of)
        case Did():
            return leaf.within is not None or leaf.until is not None or leaf.what not in ("order", "refund")
        case Consented():
            return False
    return True


def _is_steady(field: Field) -> bool:
    """Of the profile, and the same whatever instant is asked about: it changes with the profile only."""
    return field.judges and repr(field.expression(_ONE)) == repr(field.expression(_OTHER))


def put_in_order(changed: Defined) -> None:
    """Give each its level. Raises InvalidCondition when the one that was changed asks for itself, however far round."""
    known = {name(one): one for one in all_of_them()}
    for at, level in levels(changed, known).items():
        if level != known[at].level:
            type(known[at])._default_manager.filter(pk=known[at].pk).update(level=level)


def check_order(changed: Defined) -> None:
    """Whether it could be saved as it was read, as things are now. Raises InvalidCondition."""
    levels(changed, {name(one): one for one in all_of_them()} | {name(changed): changed})


def levels(changed: Defined, known: Mapping[str, Defined]) -> dict[str, int]:
    levels: dict[str, int] = {}

    def level(at: str, way: tuple[str, ...]) -> int:
        if at in way:
            raise InvalidCondition([_circle(changed, [*way[way.index(at) :], at])])
        if at not in levels:
            needed = [level(need, (*way, at)) for need in known[at].needs if need in known]
            levels[at] = max(needed, default=-1) + 1
        return levels[at]

    return {at: level(at, ()) for at in known}


def _circle(changed: Defined, way: Sequence[str]) -> Fault:
    own = name(changed)
    inside = way[:-1]
    turned = [*inside[inside.index(own) :], *inside[: inside.index(own)], own] if own in inside else list(way)
    asked = [path for path, need in _asked(changed.condition, "condition") if need == turned[1]]
    message = _("it asks for itself: %(way)s") % {"way": " → ".join(turned)}
    return Fault(asked[0] if asked else "condition", "circle", message)


def _asked(raw: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, what is needed there), of a condition that was read."""
    if "segment" in raw:
        yield f"{path}.segment", f"segment:{raw['segment']}"
    elif "tag" in raw:
        yield f"{path}.tag", _need(parse(raw))
    elif "not" in raw:
        yield from _asked(raw["not"], f"{path}.not")
    for kind in ("all", "any"):
        for n, item in enumerate(raw.get(kind, ())):
            yield from _asked(item, f"{path}.{kind}[{n}]")


def users(needed: str, among: Iterable[Defined]) -> list[Defined]:
    """Which of them ask for it."""
    return [one for one in among if needed in one.needs]
