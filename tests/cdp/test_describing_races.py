"""Somebody is described at the very moment at which they are merged away, or erased."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdp import describing, erasure, merging
from cdp.errors import Erased
from cdp.models import Member
from tests import racing
from tests.builders import a_member

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2017, 10, 10, tzinfo=UTC)


def describe(member):
    return describing.describe(member, {"city": "杭州"}, actor="api:shop", source="shop", now=NOW)


def test_what_is_said_of_who_is_being_merged_away_is_said_of_who_stands_for_them():
    keep, drop = a_member(), a_member()

    racing.at_once(
        lambda: merging.merge(keep, drop, reason="the same person", actor="test", now=NOW), lambda: describe(drop)
    )

    assert Member.objects.get(pk=keep).attributes == {"city": "杭州"}
    assert Member.objects.get(pk=drop).attributes == {}


def test_nothing_is_said_any_more_of_who_is_being_erased():
    member = a_member(city="上海")

    with pytest.raises(Erased):
        racing.at_once(
            lambda: erasure.erase(member, reason="asked", actor="test", asked_at=NOW, now=NOW),
            lambda: describe(member),
        )

    assert Member.objects.get(pk=member).attributes == {}
