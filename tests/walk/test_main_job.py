"""The main job from end to end: real households on a time line, over HTTP to the counterpart and back, judged by its log."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from automation.models import Conversion, Enrolment, Figure, Journey, StepRun
from automation.results.period import Period
from automation.results.report import report
from cdp import daily
from cdp.models import Consent, Event, FeedRow, Member, Order, Placement
from config import demonstration, replay
from config.demonstration import START
from config.ground import clock
from connectors import accounts
from connectors import reconcile as outbox
from connectors.models import Message, ProviderAccount
from loyalty import reconcile as ledger
from loyalty.models import Entry
from tests.connectors.builders import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

HOUSEHOLDS = 200
JOURNEYS = {"win-back", "critical", "top-care"}


@pytest.fixture
def shop(transactional_db, live_server, tmp_path):
    """The counterpart as a process, calling back over HTTP; our own web as a server. Members are numbered from 1: their number
    decides who is held out.
    """
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cdp_member ALTER COLUMN id RESTART")
    counterpart = Sandbox(tmp_path / "accepted.jsonl")
    url = accounts.install_sandbox(counterpart.url, live_server.url, now=START)
    ProviderAccount.objects.update(settings={"price_fen": 5, "query_lag": 0.3, "timeout": 5, "lease": 15})
    counterpart.control("callback", url=url)
    yield counterpart
    counterpart.kill()


def walk(tmp_path, *, days: int) -> str:
    said: list[str] = []
    demonstration.walk(tmp_path, households=HOUSEHOLDS, until=START + timedelta(days=days), say=said.append)
    return "\n".join(said)


def test_from_orders_to_conversions(shop, tmp_path):
    walk(tmp_path, days=3)
    walk(tmp_path, days=21)  # as after an interruption: it goes on where the clock stands

    history_triggered_nobody()
    every_order_earned_once()
    three_journeys_ran()
    the_counterpart_took_each_message_once(shop)
    receipts_came_back()
    a_reply_opted_out()
    orders_were_credited()
    days_were_rolled_up()
    assert ledger.faults(now=clock.now()) == [] == outbox.faults(now=clock.now())

    before = snapshot()
    replay.settle(now=clock.now())
    assert snapshot() == before  # every tick once more changes nothing


def test_a_walk_that_was_killed_at_its_last_stop_finishes_it(shop, tmp_path, monkeypatch):
    def killed(*_args, **_given):
        if clock.now() > START:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(daily, "turn", killed)  # after the day's facts were told, before anything came of them
        walk(tmp_path, days=1)
    assert clock.now() > START

    said = walk(tmp_path, days=1)

    assert not FeedRow.objects.exists()
    assert Figure.objects.filter(day=(START + timedelta(days=1)).date(), key="kpi").exists()
    assert "nothing to walk" not in said
    assert "nothing to walk" in walk(tmp_path, days=1)


def history_triggered_nobody():
    assert Order.objects.filter(placed_at__lte=START).count() > 5000
    assert not Entry.objects.filter(kind="earn", occurred_at__lte=START).exists()
    assert not Event.objects.filter(type__in=["stage.entered", "value_tier.entered"], occurred_at__lte=START).exists()
    assert (
        Placement.objects.filter(axis="stage", since=START).count() == Member.objects.filter(created_at=START).count()
    )
    assert not FeedRow.objects.exists()


def every_order_earned_once():
    orders = dict(Order.objects.filter(placed_at__gt=START, amount__gt=0).values_list("pk", "amount"))
    earned = dict(Entry.objects.filter(kind="earn").values_list("source_id", "amount"))

    assert len(orders) > 400
    assert {
        order: int(points * 100) for order, points in earned.items()
    } == orders  # a point for each dollar, to the cent


def three_journeys_ran():
    assert set(Journey.objects.filter(state="live").values_list("key", flat=True)) == JOURNEYS
    for journey in Journey.objects.all():
        arms = Counter(Enrolment.objects.filter(journey=journey).values_list("state", flat=True))
        assert arms["held_out"] > 0 < sum(arms.values()) - arms["held_out"], (journey.key, arms)
    held_out = Enrolment.objects.filter(state="held_out")
    assert not StepRun.objects.filter(enrolment__in=held_out).exists()
    granted = StepRun.objects.filter(outcome="granted").count()
    assert granted == Entry.objects.filter(kind="grant", amount=200).count() > 0


def the_counterpart_took_each_message_once(shop):
    sent = Message.objects.filter(state="sent").count()

    assert sent > 30
    assert len(shop.accepted()) == sent
    assert Message.objects.count() == StepRun.objects.filter(outcome="enqueued").count()
    assert not Message.objects.exclude(state__in=["sent", "suppressed", "ready"]).exists()
    # No step wrote twice to the same number under one key: (call, number) stands once in its log.
    assert max(Counter((row["out_id"], row["phone"]) for row in shop.accepted()).values()) == 1


def receipts_came_back():
    deliveries = Counter(Message.objects.filter(state="sent").values_list("delivery", flat=True))

    assert deliveries["delivered"] > 0
    assert deliveries["none"] <= 3  # those whose receipt comes a barrier late


def a_reply_opted_out():
    """Numbers that end in 0002 reply R: consent is withdrawn with that evidence, and nothing more is sent there."""
    opted_out = Consent.objects.filter(channel="sms", purpose="marketing", state="withdrawn")
    replied = Message.objects.filter(delivery="replied")

    assert set(opted_out.values_list("member", flat=True)) == set(replied.values_list("member", flat=True))
    for consent in opted_out:
        assert not Message.objects.filter(member=consent.member, sent_at__gt=consent.at).exists()


def orders_were_credited():
    assert Conversion.objects.exists()
    for journey in Journey.objects.all():
        found = report(journey, Period(clock.now()))
        assert found.arms.treated.n + found.arms.treated_open > 0
        assert found.lift is None or -1 <= found.lift.ci.low <= found.lift.value <= found.lift.ci.high <= 1
    with connection.cursor() as cursor:  # a credited order follows its message
        cursor.execute("""SELECT count(*) FROM automation_conversion c JOIN cdp_order o ON o.id = c.order_id
                          JOIN connectors_message m ON m.id = c.message WHERE o.placed_at <= m.sent_at""")
        assert cursor.fetchone() == (0,)


def days_were_rolled_up():
    days = set(Figure.objects.filter(key="orders").values_list("day", flat=True))
    assert {(START + timedelta(days=n)).date() for n in range(21)} <= days


def snapshot():
    tables = (Enrolment, StepRun, Message, Entry, Conversion, Placement, Event)
    return {table._meta.label: table.objects.count() for table in tables} | {"clock": clock.now()}
