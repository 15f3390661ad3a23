import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from automation import publishing, runner, stepping
from automation.models import Enrolment, StepRun
from config.ground.cause import Cause
from config.ground.models import Alarm
from connectors.models import Message, Template
from loyalty import prizes, programmes
from loyalty.models import Entry
from loyalty.prizes import Gift
from tests import builders
from tests.automation.builders import (
    AGAIN,
    DAY,
    DONE,
    EVERYBODY,
    NAMED,
    NOW,
    PAUSE,
    SEND,
    a_journey,
    advance,
    enrol,
    members,
    states,
    steps_run,
)

HOUR = timedelta(hours=1)
GIFT = {"id": "gift", "do": "grant_points", "points": 200, "reason": "before they lapse"}


@pytest.mark.django_db
def test_a_journey_from_its_first_step_to_its_last():
    version = a_journey()
    members(3)
    enrol(version)

    assert advance() == 3
    assert set(Enrolment.objects.values_list("step", "due_at")) == {("pause", NOW + 3 * DAY)}
    assert advance(NOW + 3 * DAY - HOUR) == 0
    assert advance(NOW + 3 * DAY) == 9
    assert states() == {"done": 3}
    assert Enrolment.objects.filter(closed_at=None).count() == 3  # their goal window is still open
    assert advance(NOW + 14 * DAY) == 0
    assert set(Enrolment.objects.values_list("closed_at", flat=True)) == {NOW + 14 * DAY}
    assert StepRun.objects.count() == 12


@pytest.mark.django_db
def test_a_message_belongs_to_its_enrolment_step_and_visit():
    version = a_journey(steps=[{**SEND, "data": {"gift": "eggs"}, "valid_for": "P1D"}])
    (member,) = members(1)
    enrol(version)
    advance()

    enrolment, run, message = Enrolment.objects.get(), StepRun.objects.get(), Message.objects.get()
    cause = Cause("journey:win-back@1", f"{enrolment.pk}/hello/1")
    assert (message.id, message.origin, message.cause_key) == (cause.id, cause.origin, cause.key)
    assert (run.message, run.outcome, run.visit) == (cause.id, "enqueued", 1)
    assert (message.member_id, message.data, message.not_after) == (member, {"gift": "eggs"}, NOW + DAY)


@pytest.mark.django_db
def test_advancing_twice_acts_once():
    programmes.start(points_per_unit=Decimal(1), now=NOW)
    version = a_journey(steps=[GIFT, SEND])
    members(5)
    enrol(version)

    assert advance() == 10
    assert advance() == 0
    assert (Message.objects.count(), Entry.objects.count(), StepRun.objects.count()) == (5, 5, 10)
    assert set(Entry.objects.values_list("amount", "origin")) == {(Decimal(200), "journey:win-back@1")}


@pytest.mark.django_db
def test_a_wait_goes_on_until_its_hour_and_weekday_in_the_zone_of_the_schedule():
    steps = [{"id": "pause", "wait": "P1D", "until": {"time": "09:30", "weekdays": [3]}}]
    trigger = {"schedule": {"cron": "0 10 * * *", "timezone": "America/New_York"}}
    version = a_journey(steps=steps, trigger=trigger)
    members(1)
    enrol(version)

    # Wednesday the 4th, 09:30 in New York
    assert Enrolment.objects.get().due_at.isoformat() == "2017-10-04T13:30:00+00:00"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("late_by", "messages", "step", "due"),
    [
        (2 * HOUR, 1, "hello", None),  # in time enough
        (71 * HOUR, 0, "pause", NOW + 4 * DAY),  # too late: 10:00 of the next day
    ],
)
def test_who_is_too_late_after_an_outage_waits_for_the_next_window(late_by, messages, step, due):
    pause = {"id": "pause", "wait": "PT1H", "until": {"time": "10:00"}, "late_ok": "PT6H", "late": "next_window"}
    version = a_journey(steps=[pause, SEND])
    members(1)
    enrol(version)
    assert Enrolment.objects.get().due_at == NOW + DAY

    advance(NOW + DAY + late_by)

    row = Enrolment.objects.get()
    assert (Message.objects.count(), row.step) == (messages, step)
    assert row.due_at == due
    if due:
        assert (row.visit, StepRun.objects.get().outcome) == (2, "late")
        advance(due)
        assert (Message.objects.count(), steps_run()) == (1, ["pause", "pause", "hello"])


@pytest.mark.django_db
def test_who_is_too_late_may_be_led_past_the_message():
    version = a_journey(steps=[{**PAUSE, "late_ok": "P1D", "late": "done"}, AGAIN, DONE])
    members(1)
    enrol(version)

    advance(NOW + 5 * DAY)

    assert (Message.objects.count(), steps_run(), states()) == (0, ["pause", "done"], {"done": 1})


@pytest.mark.django_db
def test_a_branch_takes_the_first_arm_that_holds():
    arms = [{"when": NAMED, "next": "hello"}, {"when": EVERYBODY, "next": "pause"}, {"else": "end"}]
    version = a_journey(steps=[{"id": "who", "branch": arms}, {**SEND, "next": "end"}, PAUSE])
    (li,), (zhang,) = members(1, "李"), members(1, "张")
    enrol(version)
    advance()

    assert steps_run(li) == ["who", "hello"]
    assert (steps_run(zhang), Enrolment.objects.get(member=zhang).step) == (["who"], "pause")
    assert set(StepRun.objects.filter(step="who").values_list("outcome", flat=True)) == {"hello", "pause"}


@pytest.mark.django_db
def test_a_loop_counts_its_visits_and_each_sends_its_own_message():
    version = a_journey(steps=[SEND, {**PAUSE, "next": "hello"}], exit=NAMED)
    members(1)
    enrol(version)
    for day in (0, 3, 6):
        advance(NOW + day * DAY)

    assert steps_run() == ["hello", "pause", "hello", "pause", "hello"]
    visits = StepRun.objects.filter(step="hello").order_by("visit").values_list("visit", flat=True)
    assert list(visits) == [1, 2, 3]
    assert Message.objects.count() == 3


@pytest.mark.django_db
def test_the_exit_condition_is_asked_before_every_step():
    version = a_journey(exit=NAMED)
    staying, leaving = members(2)
    enrol(version)
    advance()
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE cdp_member SET attributes = '{"name": "李"}' WHERE id = %s""", [leaving])

    advance(NOW + 3 * DAY)

    left = Enrolment.objects.get(member=leaving)
    assert (left.state, left.reason, left.due_at, left.closed_at) == ("exited", "exit", None, None)
    assert steps_run(leaving) == ["hello"]
    assert steps_run(staying) == ["hello", "pause", "again", "done"]


@pytest.mark.django_db
@pytest.mark.parametrize(("goal_exits", "steps"), [(True, ["hello"]), (False, ["hello", "pause", "again", "done"])])
def test_who_reached_the_goal_leaves_if_the_journey_says_so(goal_exits, steps):
    entry = {"field": "registered_at", "op": "is_set"}
    version = a_journey(goal_exits=goal_exits, entry=entry)
    buyer, earlier = builders.a_member(), builders.a_member()
    builders.an_order(earlier, NOW, now=NOW)  # at the very instant: not caused by it
    enrol(version)
    advance()
    builders.an_order(buyer, NOW + HOUR, now=NOW + HOUR)
    advance(NOW + 3 * DAY)

    assert steps_run(buyer) == steps
    assert steps_run(earlier) == ["hello", "pause", "again", "done"]
    assert Enrolment.objects.get(member=buyer).reason == ("goal" if goal_exits else "")


@pytest.mark.django_db
def test_in_a_paused_journey_nobody_moves_and_waits_keep_their_dates():
    version = a_journey()
    members(2)
    enrol(version)
    advance()
    publishing.pause(version.journey, by="li", now=NOW)

    assert advance(NOW + 4 * DAY) == 0
    assert set(Enrolment.objects.values_list("step", "due_at")) == {("pause", NOW + 3 * DAY)}
    publishing.resume(version.journey, by="li", now=NOW + 4 * DAY)
    assert advance(NOW + 4 * DAY) == 6


@pytest.mark.django_db
def test_in_a_drained_journey_those_inside_go_on():
    version = a_journey()
    members(2)
    enrol(version)
    publishing.drain(version.journey, by="li", now=NOW)

    assert advance() == 2


@pytest.mark.django_db
def test_a_poison_row_is_parked_with_an_alarm_while_the_others_go_on():
    programmes.start(points_per_unit=Decimal(1), now=NOW)
    version = a_journey(steps=[GIFT, SEND])
    everybody = members(9)
    enrol(version)
    poison = Enrolment.objects.get(member=everybody[4])
    spent = Cause("journey:win-back@1", f"{poison.pk}/gift/1")  # has given something else already
    prizes.give([Gift(everybody[4], Decimal(5), spent, "by hand")], now=NOW)

    advance()

    poison.refresh_from_db()
    assert (poison.state, poison.reason, poison.due_at) == ("failed", "gift: ConflictingCause", None)
    assert states() == {"done": 8, "failed": 1}
    assert Entry.objects.filter(amount=200).count() == Message.objects.count() == 8
    assert steps_run(everybody[4]) == []
    assert Alarm.objects.get().subject == f"enrolment:{poison.pk}"


@pytest.mark.django_db
def test_a_step_that_nobody_can_take_waits_with_an_alarm_and_fails_nobody():
    version = a_journey()
    other = a_journey("other", steps=[DONE])
    members(3)
    enrol(version)
    enrol(other)
    Template.objects.filter(key="win-back").update(live=None)

    assert advance() == 3
    assert states() == {"done": 3, "open": 3}
    assert Alarm.objects.get().subject == "journey:win-back@1/hello"
    assert StepRun.objects.filter(step="hello").count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_runners_at_the_same_time_never_act_twice():
    version = a_journey(steps=[SEND, AGAIN])
    members(400)
    enrol(version)
    together, moved = threading.Barrier(4), []

    def run():
        together.wait()
        while count := runner.advance(version, "hello", limit=30, now=NOW):
            moved.append(count)
        connection.close()

    threads = [threading.Thread(target=run) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(moved) == 400
    assert Message.objects.count() == StepRun.objects.count() == 400
    assert len(moved) > 4


@pytest.mark.django_db(transaction=True)
def test_what_a_runner_holds_is_left_to_it_and_a_lost_one_loses_nothing():
    version = a_journey(steps=[SEND])
    members(2)
    enrol(version)
    seen = []

    def other():
        seen.append(runner.advance(version, "hello", limit=100, now=NOW))
        connection.close()

    class Killed(Exception):
        pass

    with pytest.raises(Killed), transaction.atomic():
        stage = stepping.Stage(version.pk, version.origin, runner.document.parse(version.document), "hello")
        stepping.take(stage, stepping.lock(stage, None, 100, now=NOW), now=NOW)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise Killed  # before the commit

    assert seen == [0]
    assert (Message.objects.count(), StepRun.objects.count()) == (0, 0)
    assert runner.advance(version, "hello", limit=100, now=NOW) == 2
    assert (Message.objects.count(), StepRun.objects.count()) == (2, 2)
