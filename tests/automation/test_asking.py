"""A segment that a journey asks for stays as long as the journey may run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.models import Journey
from cdp import segments
from cdp.errors import InUse
from cdp.models import Segment
from tests.automation.builders import a_journey

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_segment_of_a_journey_is_not_removed_until_it_is_archived():
    made = Segment(key="buyers", name="买过的", condition={"field": "orders", "op": ">=", "value": 1})
    segment = segments.save(made, actor="test", now=NOW)
    a_journey(entry={"any": [{"not": {"segment": "buyers"}}]})

    with pytest.raises(InUse) as error:
        segments.remove(segment, actor="test", now=NOW)
    assert error.value.users == [Journey.objects.get().key]

    Journey.objects.update(state="archived")
    segments.remove(segment, actor="test", now=NOW)
    assert not Segment.objects.exists()
