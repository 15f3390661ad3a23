from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from automation import files, publishing, schedules
from automation.errors import JourneyRefused, UnknownJourney
from automation.models import Enrolment, Journey, JourneyVersion
from cdp.models import Interest
from config.ground import clock
from config.ground.models import Alarm, AuditRow, Schedule, Slot
from tests.automation.builders import DAY, EVERYBODY, NOW, SEND, a_document, a_journey, advance, enrol, members, states

PLAYBOOKS = ["win-back", "critical", "top-care"]


def journey():
    return Journey.objects.get(key="win-back")


@pytest.mark.django_db
def test_publishing_makes_a_version_a_schedule_and_a_trace():
    version = a_journey()

    assert (version.origin, version.document, version.published_by) == ("journey:win-back@1", a_document(), "li")
    assert (journey().state, journey().live, str(journey())) == ("live", version, "唤回")
    schedule = Schedule.objects.get(key="journey:win-back")
    assert (schedule.cron, schedule.timezone, schedule.misfire) == ("0 10 * * *", "Asia/Shanghai", "once")
    assert schedule.next_at == NOW + DAY
    assert set(AuditRow.objects.filter(actor="li").values_list("action", flat=True)) == {
        "journey.load",
        "journey.publish",
    }
    assert Interest.objects.filter(reader="automation", kind="order").count() == 1


@pytest.mark.django_db
def test_the_same_document_again_publishes_nothing_new():
    assert a_journey() == a_journey()
    assert JourneyVersion.objects.count() == 1
    assert AuditRow.objects.filter(action="journey.publish").count() == 1


@pytest.mark.django_db
def test_another_document_is_the_next_version_and_those_inside_keep_theirs():
    first = a_journey()
    members(1)
    enrol(first)

    second = a_journey(priority=70)

    assert (second.number, journey().live, journey().priority) == (2, second, 70)
    assert Enrolment.objects.get().version == first
    assert advance() == 1


@pytest.mark.django_db
def test_a_loaded_draft_leaves_what_is_live():
    version = a_journey()

    publishing.load(a_document(priority=70), by="li", now=NOW)

    assert (journey().live, journey().priority, journey().draft["priority"]) == (version, 50, 70)


@pytest.mark.django_db
def test_from_which_state_to_which_a_journey_goes():
    a_journey()
    ways = {}
    for state in Journey.State.values:
        for verb in (publishing.pause, publishing.resume, publishing.drain, publishing.archive):
            Journey.objects.filter(key="win-back").update(state=state)
            try:
                verb(journey(), by="li", now=NOW)
                ways[state, verb.__name__] = journey().state
            except JourneyRefused:
                assert journey().state == state

    assert ways == {
        ("draft", "archive"): "archived",
        ("live", "pause"): "paused",
        ("live", "drain"): "drained",
        ("live", "archive"): "archived",
        ("paused", "resume"): "live",
        ("paused", "drain"): "drained",
        ("paused", "archive"): "archived",
        ("drained", "pause"): "paused",
        ("drained", "resume"): "live",
        ("drained", "archive"): "archived",
    }


@pytest.mark.django_db
def test_a_journey_with_members_under_way_is_not_archived_and_an_archived_one_not_published():
    version = a_journey()
    members(1)
    enrol(version)

    with pytest.raises(JourneyRefused):
        publishing.archive(version.journey, by="li", now=NOW)
    assert journey().state == "live"
    assert Schedule.objects.get().paused is False

    advance(NOW)
    advance(NOW + 3 * DAY)
    publishing.archive(version.journey, by="li", now=NOW)
    with pytest.raises(JourneyRefused):
        a_journey(priority=70)
    assert JourneyVersion.objects.count() == 1


@pytest.mark.django_db
def test_a_paused_journey_stays_paused_when_it_is_published():
    version = a_journey()
    publishing.pause(version.journey, by="li", now=NOW)
    a_journey(priority=70)

    assert (journey().state, journey().live.number, Schedule.objects.get().paused) == ("paused", 2, True)


@pytest.mark.django_db
def test_a_slot_enrols_and_tells_what_came_of_it():
    a_journey(holdout=0.5)
    members(10)

    assert schedules.run_due(now=NOW + DAY - timedelta(minutes=1)) == 0
    assert schedules.run_due(now=NOW + DAY) == 1
    assert schedules.run_due(now=NOW + DAY) == 0
    treated, held_out = states()["open"], states()["held_out"]
    assert treated + held_out == 10
    assert Slot.objects.get().result == {"treated": treated, "held_out": held_out}


@pytest.mark.django_db
def test_a_journey_whose_slot_fails_keeps_it_and_holds_up_nobody():
    a_journey("other")
    version = a_journey("broken")
    members(2)
    # A version of before a field was taken away.
    gone = a_document("broken", entry={"field": "shoe_size", "op": "=", "value": 41})
    old = JourneyVersion.objects.create(journey=version.journey, number=2, document=gone, published_at=NOW)
    Journey.objects.filter(key="broken").update(live=old)

    assert schedules.run_due(now=NOW + DAY) == 1
    assert set(Enrolment.objects.values_list("journey__key", flat=True)) == {"other"}
    assert Alarm.objects.get().subject == "journey:broken"
    assert Schedule.objects.get(key="journey:broken").next_at == NOW + DAY

    Journey.objects.filter(key="broken").update(live=version)
    assert schedules.run_due(now=NOW + DAY) == 1
    assert Enrolment.objects.filter(journey__key="broken").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("key", PLAYBOOKS)
def test_the_playbooks_are_published_by_command_and_come_back_as_they_were(key, capsys):
    a_journey("any")
    path = f"automation/playbooks/{key}.yaml"
    call_command("journey", "validate", path)
    call_command("journey", "publish", path)
    capsys.readouterr()

    call_command("journey", "dump", key)

    with open(path, encoding="utf-8") as text:
        assert files.read(capsys.readouterr().out) == files.read(text.read())
    assert Journey.objects.get(key=key).state == "live"


@pytest.mark.django_db
def test_a_file_with_faults_is_told_of_line_by_line_and_nothing_is_published(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text(files.write(a_document("bad", holdout=0.9, entry={"all": []}, steps=[{**SEND, "x": 1}])))

    with pytest.raises(CommandError):
        call_command("journey", "publish", str(bad))

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["entry.all", "holdout", "steps[0].x", "steps[0].template"]
    assert Journey.objects.count() == 0


@pytest.mark.django_db
def test_a_pass_by_command_takes_another_instant_only_in_replay(capsys):
    a_journey(entry=EVERYBODY)
    members(2)

    with pytest.raises(CommandError, match="replay"):
        call_command("run_journeys", "--as-of", "2017-10-05T10:00:00+08:00")
    with pytest.raises(CommandError, match="offset"):
        call_command("run_journeys", "--as-of", "2017-10-05 10:00")
    with pytest.raises(CommandError, match="win-back"):
        call_command("run_journeys", "--journey", "nobody")
    assert Enrolment.objects.count() == 0

    clock.stand(NOW, by="test")
    for _twice in range(2):
        call_command("run_journeys", "--as-of", "2017-10-05T10:00:00+08:00", "--journey", "win-back")
    assert set(Enrolment.objects.values_list("enrolled_at", flat=True)) == {NOW + 4 * DAY}
    assert "win-back: 0 enrolled" in capsys.readouterr().out


@pytest.mark.django_db
def test_an_unknown_journey_is_answered_with_the_known_ones():
    a_journey()

    with pytest.raises(UnknownJourney, match="win-back"):
        publishing.find("nobody")
