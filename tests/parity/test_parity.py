"""The set engine and the plain reading give the same answers: any condition, any member. A disagreement that was found once stays
below as a case.
"""

from __future__ import annotations

import random

import pytest

from cdp.conditions import parse
from cdp.conditions.known import known
from cdp.conditions.plain import holds
from cdp.conditions.sql import matching
from tests.parity.people import People
from tests.parity.trees import AS_OF, Trees

WORLDS = [(zone, as_of) for zone, instants in AS_OF.items() for as_of in instants]


def disagreements(seed: int, zone: str, as_of, *, many: int, trees: int) -> list[tuple[dict, set[int]]]:
    """Condition -> the members about whom the two differ."""
    dice = random.Random(seed)
    people = People(dice, as_of, zone, many)
    drawn = Trees(dice, as_of)
    found, matched = [], 0
    everything = known(people.made, as_of=as_of)
    for _n in range(trees):
        event = people.properties() if dice.random() < 0.3 else None
        raw = drawn.tree(
            dice.choice([1, 1, 3, 6]), event=event is not None
        )  # in a small one nothing hides a wrong leaf
        node = parse(raw, event=event is not None)
        asked = everything if event is None else {pk: _with(one, event) for pk, one in everything.items()}
        plainly = {pk for pk, one in asked.items() if holds(node, one)}
        by_sql = set(matching(node, as_of=as_of, event=event).values_list("pk", flat=True))
        matched += len(plainly)
        if plainly != by_sql:
            found.append((raw, plainly ^ by_sql))
    assert 0.1 < matched / (trees * many) < 0.9  # both answers are given, often
    return found


def _with(one, event):
    return type(one)(**{**one.__dict__, "event": event})


@pytest.mark.django_db
@pytest.mark.parametrize(("zone", "as_of"), WORLDS, ids=[f"{zone} {at:%F %T}" for zone, at in WORLDS])
def test_sql_and_the_plain_reading_agree(zone, as_of):
    assert disagreements(1, zone, as_of, many=40, trees=200) == []


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(2, 12))
def test_sql_and_the_plain_reading_agree_at_length(seed):
    zone, as_of = WORLDS[seed % len(WORLDS)]

    assert disagreements(seed, zone, as_of, many=60, trees=1000) == []
