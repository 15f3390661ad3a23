import threading
import time

import pytest
from celery import current_app
from django.db import OperationalError, connection, transaction

from automation import document, publishing, schedules, stepping, tasks
from automation.models import Enrolment, StepRun
from config.ground import clock
from config.ground import schedules as ground_schedules
from config.ground.models import Slot
from connectors.models import Message
from tests.automation.builders import DAY, NOW, SEND, a_document, a_journey, advance, enrol, members, states

SECOND = a_document(priority=70)


def test_the_ticks_are_known_by_their_names():
    assert {"automation.schedules", "automation.advance"} <= set(current_app.tasks)


@pytest.mark.django_db
def test_a_tick_twice_is_once():
    a_journey()
    members(3)
    clock.stand(NOW + DAY, by="test")

    for _twice in range(2):
        tasks.run_schedules()
        tasks.advance()

    assert (Slot.objects.count(), Enrolment.objects.count(), StepRun.objects.count()) == (1, 3, 3)
    assert Message.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_once_a_pause_has_returned_nobody_moves_any_more():
    version = a_journey(steps=[SEND])
    members(2)
    enrol(version)
    order = []

    def pausing():
        publishing.pause(version.journey, by="li", now=NOW)
        order.append("paused")
        connection.close()

    thread = threading.Thread(target=pausing)
    with transaction.atomic():
        stage = stepping.Stage(version.pk, version.origin, document.parse(version.document), "hello")
        turns = stepping.lock(stage, None, 100, now=NOW)
        stepping.take(stage, turns, now=NOW)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()  # it waits for those who are on the move
        order.append(f"{len(turns)} moved")
    thread.join()

    assert order == ["2 moved", "paused"]
    assert states() == {"done": 2}
    members(1)
    assert enrol(version, "later").treated == 0
    assert advance(NOW + DAY) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("steer", [publishing.pause, lambda journey, **who: publishing.publish(SECOND, **who)])
def test_who_steers_a_journey_while_its_slot_runs_waits_and_is_not_refused(monkeypatch, steer):
    """Both lock the journey before its schedule: the other way round they would wait for each other."""
    version = a_journey()
    members(2)
    failed = []

    def steering():
        try:
            steer(version.journey, by="li", now=NOW + DAY)
        except OperationalError as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=steering)
    take = ground_schedules.take

    def taken(key, **given):
        slots = take(key, **given)
        thread.start()
        time.sleep(0.5)
        return slots

    monkeypatch.setattr(ground_schedules, "take", taken)
    assert schedules.run_due(now=NOW + DAY) == 1
    thread.join(10)

    assert failed == []
    assert Enrolment.objects.filter(version=version).count() == 2
