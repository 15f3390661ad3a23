"""The goal is an order that is kept: one given back in full before the next step reaches none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import builders
from tests.automation.builders import DAY, NOW, a_journey, advance, enrol, steps_run

HOUR = timedelta(hours=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("_case", "refunded", "steps"),
    [
        ("in part", 999, ["hello"]),
        ("in full", 1000, ["hello", "pause", "again", "done"]),
    ],
)
def test_an_order_given_back_in_full_reaches_no_goal(_case, refunded, steps):
    version = a_journey(goal_exits=True, entry={"field": "registered_at", "op": "is_set"})
    buyer = builders.a_member()
    enrol(version)
    advance()
    order = builders.an_order(buyer, NOW + HOUR, 1000, now=NOW + HOUR)
    builders.a_refund(order, NOW + 2 * HOUR, refunded)
    advance(NOW + 3 * DAY)

    assert steps_run(buyer) == steps
