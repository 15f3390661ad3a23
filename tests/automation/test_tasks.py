import threading

import pytest
from celery import current_app
from django.db import connection, transaction

from automation import document, publishing, stepping, tasks
from automation.models import Enrolment, StepRun
from config.ground import clock
from config.ground.models import Slot
from connectors.models import Message
from tests.automation.builders import DAY, NOW, SEND, a_journey, advance, enrol, members, states


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
