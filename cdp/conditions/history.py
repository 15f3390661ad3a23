"""What can be answered of a past instant: from facts that keep their own instants, and not from what is only known of now."""

from __future__ import annotations

from cdp.conditions.tree import Compare, Did, Node, OfEvent, leaves
from cdp.conditions.vocabulary import Field


def historical(node: Node) -> bool:
    """Every part of it can."""
    return all(_leaf(leaf) for leaf in leaves(node))


def now_only(node: Node) -> list[Node]:
    """The predicates that are of now, whatever instant they are asked of."""
    return [leaf for leaf in leaves(node) if not _leaf(leaf)]


def _leaf(leaf: Node) -> bool:
    match leaf:
        case Compare():
            return leaf.of.historical if isinstance(leaf.of, Field) else True
        case Did():
            return leaf.of.historical
        case OfEvent():
            return True
    return (
        False  # a tag or a segment that was left, or a word that another one followed, is not in these tables any more
    )
