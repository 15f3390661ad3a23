"""Synthetic members: as skewed as real ones, the same for the same seed, and nobody is triggered by them."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from cdp.models import Event, FeedRow, Member, Order, OrderLine, Profile
from config.ground import clock
from tests.builders import at

pytestmark = pytest.mark.django_db
NOW = "2026-01-02 00:00:05"


@pytest.fixture
def standing():
    clock.stand(at(NOW), by="test")


def generate(members, seed, *more):
    call_command("generate", "--members", str(members), "--orders-per-member", "9", "--seed", str(seed), *more)


def test_they_are_skewed_like_real_ones_and_have_profiles(standing):
    generate(1500, 1)

    orders = sorted(Profile.objects.values_list("orders", flat=True))
    assert len(orders) == Member.objects.filter(synthetic=True).count() == 1500
    assert 0.12 < orders.count(0) / 1500 < 0.18
    assert 7.5 < sum(orders) / 1500 < 10.5
    assert 4 <= orders[750] <= 6
    assert 45 < orders[1484] < 85
    assert not Order.objects.filter(placed_at__gt=at(NOW)).exists()
    assert Order.objects.count() == sum(orders) and OrderLine.objects.count() > sum(orders)
    assert sum(OrderLine.objects.filter(order=Order.objects.first()).values_list("amount", flat=True)) <= (
        Order.objects.first().amount
    )
    assert not FeedRow.objects.exists()
    assert not Event.objects.filter(type="stage.entered").exists()


def facts():
    return (
        list(Order.objects.order_by("external_id").values_list("external_id", "placed_at", "amount", "channel")),
        list(Event.objects.order_by("external_id").values_list("external_id", "occurred_at", "type", "properties")),
    )


def test_the_same_seed_makes_the_same_and_only_once(standing):
    generate(40, 7)
    once = facts()
    with pytest.raises(CommandError):
        generate(40, 7)
    assert facts() == once
    OrderLine.objects.all().delete()
    Order.objects.all().delete()
    Event.objects.all().delete()

    generate(40, 7)

    assert facts() == once


def test_there_is_a_member_at_least(standing):
    with pytest.raises(CommandError):
        generate(0, 1)
