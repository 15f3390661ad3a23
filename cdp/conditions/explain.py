"""Why a member fulfils a condition, or does not: each node with its truth and what the member has there. The root is the plain
reading, and so are all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import Struct

from cdp.conditions import plain
from cdp.conditions.history import historical
from cdp.conditions.known import known
from cdp.conditions.plain import Known
from cdp.conditions.sentence import both, sentence, value
from cdp.conditions.tree import All, AnyOf, Compare, Consented, Did, InSegment, Node, Not, OfEvent, Tagged
from cdp.conditions.validate import parse
from cdp.models.consent import Channel, State


class Texts(Struct):
    zh: str
    en: str


class Actual(Struct):
    """`value` as JSON says it: null when it is not known; of `did` an object with count and sum, money in fen."""

    value: Any
    text: Texts


class Explained(Struct):
    """`holds` is null for what the profile would say of a member who refuses to be judged. `historical`: what it says of a past
    instant is what was so then, and not what is so now.
    """

    path: str
    holds: bool | None
    sentence: Texts
    historical: bool
    actual: Actual | None
    inner: list[Explained]


def explain(
    condition: dict[str, Any] | Node, member: int, *, as_of: datetime, event: Mapping[str, Any] | None = None
) -> Explained:
    """Of a member that stands. Raises InvalidCondition."""
    node = parse(condition, event=event is not None) if isinstance(condition, dict) else condition
    return _explain(node, known([member], as_of=as_of, of=node, event=event)[member], "")


def _explain(node: Node, member: Known, path: str) -> Explained:
    inner = [_explain(item, member, f"{path}.{at}".lstrip(".")) for at, item in _parts(node)]
    return Explained(
        path=path,
        holds=plain.truth(node, member),
        sentence=_texts(lambda: sentence(node)),
        historical=historical(node),
        actual=None if inner else _actual(node, member),
        inner=inner,
    )


def _parts(node: Node) -> Iterator[tuple[str, Node]]:
    match node:
        case All(inner) | AnyOf(inner):
            kind = "all" if isinstance(node, All) else "any"
            yield from ((f"{kind}[{n}]", item) for n, item in enumerate(inner))
        case Not(inner):
            yield "not", inner


def _texts(say: Callable[[], object]) -> Texts:
    return Texts(**both(say))


def _actual(node: Node, member: Known) -> Actual:
    match node:
        case Compare() | OfEvent():
            return _value(node, member)
        case Did():
            return _happened(node, member)
        case Consented(channel, purpose):
            said = {by: member.consents.get((by, purpose)) for by in dict.fromkeys((channel, Channel.ANY.value))}
            return Actual(
                said, _texts(lambda: _(", ").join(f"{Channel(by).label}: {_word(word)}" for by, word in said.items()))
            )
        case Tagged(family, name):
            carried = (family, name) in member.tags
            return Actual(carried, _texts(lambda: _("yes") if carried else _("no")))
        case InSegment(key):
            counted = key in member.segments
            return Actual(counted, _texts(lambda: _("yes") if counted else _("no")))
    raise TypeError(node)


def _word(word: str | None) -> object:
    return State(word).label if word else _("not known")


def _value(node: Compare | OfEvent, member: Known) -> Actual:
    if isinstance(node, Compare) and getattr(node.of, "judges", False) and not member.judged:
        return Actual(None, _texts(lambda: _("not judged")))
    has = plain.actual(node, member)
    if has is None:
        return Actual(None, _texts(lambda: _("not known")))
    return Actual(_json(has), _texts(lambda: value(node.of, has)))


def _happened(node: Did, member: Known) -> Actual:
    found = plain.happened(node, member)
    total = None if node.sum is None else found.sum

    def say() -> str:
        times = ngettext("%(n)s time", "%(n)s times", found.count) % {"n": found.count}
        if node.sum is None or total is None:
            return times
        return _("%(times)s, in all %(sum)s") % {"times": times, "sum": value(node.sum.of, _json(total))}

    return Actual({"count": found.count} | ({} if total is None else {"sum": _json(total)}), _texts(say))


def _json(value: Any) -> Any:
    if isinstance(value, Decimal | Fraction):
        return int(value) if value == int(value) else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
