"""RFM by the glossary, held to a plain reading: ties stand together, recency is turned round, the mean itself is high."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction

import pytest
from django.db import connection

from cdp import conditions, population
from cdp.features import rfm
from cdp.models import PopulationRun
from tests.builders import a_member, a_refund, absorbed, an_order, at
from tests.cdp.readings import percentile_disc

pytestmark = pytest.mark.django_db
DAY = "2017-10-10"
GROUPS = {
    (1, 1, 1): "important_value", (1, 0, 1): "important_develop", (0, 1, 1): "important_keep",
    (0, 0, 1): "important_win_back", (1, 1, 0): "general_value", (1, 0, 0): "general_develop", (0, 1, 0): "general_keep",
    (0, 0, 0): "general_win_back",
}  # fmt: skip
CLASSES = {(1, 1, 1): "high", (1, 0, 1): "middle", (1, 1, 0): "middle", (1, 0, 0): "potential"}


def read(everybody, who):
    """Scores, group and class of one (recency, frequency, monetary) among all of them."""
    columns = list(zip(*everybody, strict=True))
    cuts = [[percentile_disc(p, column) for p in (0.2, 0.4, 0.6, 0.8)] for column in columns]
    means = [Fraction(sum(column), len(column)) for column in columns]
    r, f, m = (1 + sum(value > cut for cut in own) for value, own in zip(who, cuts, strict=True))
    high = (int(who[0] <= means[0]), int(who[1] >= means[1]), int(who[2] >= means[2]))
    return 6 - r, f, m, GROUPS[high], CLASSES.get(high, "lost")


@pytest.mark.parametrize("seed", range(6))
def test_scores_groups_and_classes_are_those_of_the_plain_reading(seed):
    dice = random.Random(seed)
    few = dice.choice([3, 1000])  # few different values make ties
    people = [
        (dice.randint(0, few), dice.randint(1, few), dice.randint(-few, few) * dice.choice([1, 10**9])) for _n in range(97)
    ]  # fmt: skip
    by = rfm.Measured.of("p")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH buyers AS (SELECT * FROM unnest(%s::int[], %s::int[], %s::bigint[]) AS b (recency, frequency, monetary))
                SELECT {rfm.recency_score("b.recency", by)}, {rfm.frequency_score("b.frequency", by)},
                       {rfm.monetary_score("b.monetary", by)},
                       {rfm.group("b.recency", "b.frequency", "b.monetary", by)},
                       {rfm.group_class("b.recency", "b.frequency", "b.monetary", by)}
                FROM buyers b, {rfm.population("(SELECT * FROM buyers)")} p""",
            [list(column) for column in zip(*people, strict=True)],
        )
        found = cursor.fetchall()

    assert sorted(found) == sorted(read(people, one) for one in people)


def test_the_day_scores_members_from_facts_before_its_midnight_and_new_orders_by_the_same_cuts():
    members = [a_member() for _n in range(6)]
    for n, member in enumerate(members[:5], 1):
        for order in range(n):
            an_order(member, at("2017-10-09 12:00") - timedelta(days=10 * n + order), 1000)
    absorbed(now=at(f"{DAY} 01:00"))

    run = PopulationRun.objects.get(day=DAY)
    assert (run.buyers, run.frequency_cuts, run.monetary_cuts) == (5, [1, 2, 3, 4], [1000, 2000, 3000, 4000])
    assert (run.recency_cuts, run.recency_sum) == ([11, 21, 31, 41], 155)
    assert (run.frequency_sum, run.monetary_sum) == (15, 15_000)

    def scores():
        known = conditions.facts(members, as_of=at(f"{DAY} 12:00"))
        names = ("rfm_recency", "rfm_frequency", "rfm_monetary", "rfm_group", "rfm_class")
        return [tuple(known[member][name] for name in names) for member in members]

    assert scores() == [
        (5, 1, 1, "general_develop", "potential"),
        (4, 2, 2, "general_develop", "potential"),
        (3, 3, 3, "important_value", "high"),  # each is the mean itself
        (2, 4, 4, "important_keep", "lost"),
        (1, 5, 5, "important_keep", "lost"),
        (None, None, None, None, None),
    ]

    an_order(members[4], f"{DAY} 11:00", 1)
    absorbed(now=at(f"{DAY} 12:00"))
    assert scores()[4] == (5, 5, 5, "important_value", "high")
    assert PopulationRun.objects.get(day=DAY) == run


def test_a_condition_asks_for_scores_and_groups():
    first, second = a_member(), a_member()
    an_order(first, "2017-10-01", 100)
    an_order(second, "2017-09-01", 100)
    absorbed(now=at(DAY))
    population.current(as_of=at(DAY))

    def found(tree):
        return {member.pk for member in conditions.matching(tree, as_of=at(DAY))}

    assert found({"field": "rfm_recency", "op": ">=", "value": 5}) == {first}
    assert found({"field": "rfm_group", "op": "in", "value": ["important_value"]}) == {first}
    assert found({"field": "rfm_class", "op": "=", "value": "lost"}) == {second}


def test_who_gave_everything_back_is_no_buyer():
    member = a_member()
    a_refund(an_order(member, "2017-10-01", 100), "2017-10-02", 100)

    run = population.current(as_of=at(DAY))

    assert (run.buyers, run.recency_cuts, run.recency_sum) == (0, None, None)
