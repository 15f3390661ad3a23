from copy import deepcopy

import pytest
import yaml
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import document, files, publishing, shape
from automation.errors import InvalidJourney
from automation.models import Journey, JourneyVersion
from config.ground.models import Schedule
from tests.automation.builders import AGAIN, DONE, NAMED, NOW, PAUSE, SEND, a_document, a_journey, faults

pytestmark = pytest.mark.django_db  # a field that the code does not know may be declared in a table


def test_a_valid_document_has_no_faults():
    assert faults() == []


def test_all_faults_are_told_at_once_each_with_its_path():
    wrong = faults(
        colour="red",
        name={"zh": "唤回"},
        trigger={"schedule": {"cron": "0 25 * * *", "timezone": "Mars/Olympus"}},
        entry={"field": "shoe_size", "op": "=", "value": 41},
        reentry={"mode": "after"},
        holdout=0.6,
        goal={"did": "refund", "within": "14 days"},
        steps=[
            {"id": "Hello", "do": "send", "channel": "pigeon", "template": "win-back"},
            {"id": "pause", "wait": "PT0H", "until": {"time": "25:00", "weekdays": [8]}},
            {"id": "pause", "do": "grant_coupon", "template": "x"},
            {"id": "which", "branch": [{"when": {"all": []}, "next": "done"}, {"otherwise": "done"}]},
            {"id": "gift", "do": "grant_points", "points": 0, "reason": "x", "expires": "P90D"},
            {"id": "done", "end": "yes"},
        ],
    )

    assert wrong == [
        ("colour", "unknown_key"),
        ("name.en", "required"),
        ("trigger.schedule.cron", "wrong_form"),
        ("trigger.schedule.timezone", "unknown_value"),
        ("entry.field", "unknown_field"),
        ("reentry.after", "required"),
        ("holdout", "out_of_range"),
        ("goal.did", "unknown_value"),
        ("goal.within", "invalid_duration"),
        ("steps[0].id", "wrong_form"),
        ("steps[0].channel", "unknown_value"),
        ("steps[1].wait", "invalid_duration"),
        ("steps[1].until.time", "wrong_form"),
        ("steps[1].until.weekdays", "wrong_type"),
        ("steps[2].do", "unknown_step"),
        ("steps[3].branch[0].when.all", "empty_group"),
        ("steps[3].branch[1].otherwise", "unknown_key"),
        ("steps[3].branch[1].else", "required"),
        ("steps[4].expires", "unknown_key"),
        ("steps[4].points", "out_of_range"),
        ("steps[5].end", "wrong_type"),
        ("steps[2].id", "duplicate"),
    ]


@pytest.mark.parametrize("kind", [{"wait_for": {"did": "order"}}, {"split": {}}, {"do": "webhook"}, {"do": 7}, {}])
def test_a_step_that_is_not_known_is_refused_with_those_that_are(kind):
    reader = document.Reader()
    document.read(reader, a_document(steps=[{"id": "x", **kind}]))

    assert [fault.code for fault in reader.faults] == ["unknown_step"]
    assert "send" in reader.faults[0].message and "grant_points" in reader.faults[0].message


def test_a_way_that_leads_nowhere_is_refused():
    steps = [
        {**SEND, "next": "nowhere"},
        {"id": "which", "branch": [{"when": NAMED, "next": "x"}, {"else": "y"}]},
        {**PAUSE, "late_ok": "P1D", "late": "z"},
    ]

    assert faults(steps=steps) == [
        ("steps[0].next", "unknown_target"),
        ("steps[1].branch[0].next", "unknown_target"),
        ("steps[1].branch[1].else", "unknown_target"),
        ("steps[2].late", "unknown_target"),
    ]


def test_a_loop_needs_a_wait():
    round_and_round = [SEND, {**AGAIN, "next": "hello"}]
    resting = [SEND, {**PAUSE, "next": "hello"}]

    assert faults(steps=round_and_round) == [("steps[0]", "endless"), ("steps[1]", "endless")]
    assert faults(steps=resting) == []


def test_a_step_that_nobody_reaches_is_a_warning_only():
    graph = document.parse(a_document(steps=[{**SEND, "next": "end"}, AGAIN]))

    assert [(w.path, w.code) for w in shape.unreachable(graph.steps)] == [("steps[1]", "unreachable")]


def test_a_template_that_does_not_exist_is_refused_and_nothing_is_published():
    a_journey("other")

    with pytest.raises(InvalidJourney) as refused:
        publishing.publish(a_document(steps=[{**SEND, "template": "gone"}], priority=101), by="li", now=NOW)

    assert [(f.path, f.code) for f in refused.value.faults] == [
        ("priority", "out_of_range"),
        ("steps[0].template", "unknown_template"),
    ]
    assert list(Journey.objects.values_list("key", flat=True)) == ["other"]
    assert JourneyVersion.objects.count() == 1
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("key: a\nkey: b", "line 2"),
        ("a: &x 1\nb: *x", "line 2"),
        ("a: !!python/object:os.system {}", "line 1"),
        ("1: x", "line 1"),
        ("[1, 2]", ""),
        ("{" * 30_000, ""),
        ("a" * 70_000, ""),
        ("a: [", "line"),
        ("a: \x07", ""),
    ],
)
def test_a_text_that_is_no_journey_is_refused(text, what):
    with translation.override("en"), pytest.raises(InvalidJourney) as refused:
        files.read(text)

    assert what in refused.value.faults[0].message


def test_a_time_of_the_day_and_a_date_stay_texts():
    assert files.read("{a: 10:00, b: 2017-10-01, c: yes, d: 0.20, e: 7, f: true, g: 1_000}") == {
        "a": "10:00",
        "b": "2017-10-01",
        "c": "yes",
        "d": 0.2,
        "e": 7,
        "f": True,
        "g": "1_000",
    }


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=10), PLAIN, max_size=5))
def test_a_document_comes_back_from_its_text(found):
    text = files.write(found)

    assert files.read(text) == found
    assert yaml.safe_load(text) == found  # other readers take it the same way


def places(part, path=()):
    """Every place inside a document, as the keys that lead there."""
    yield path
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


RICH = a_document(
    reentry={"mode": "after", "after": "P30D"},
    exit=NAMED,
    steps=[
        {**SEND, "data": {"gift": "eggs"}, "valid_for": "P1D"},
        {**PAUSE, "until": {"time": "10:00", "weekdays": [1]}, "late_ok": "P1D", "late": "next_window"},
        {"id": "which", "branch": [{"when": NAMED, "next": "gift"}, {"else": "end"}]},
        {"id": "gift", "do": "grant_points", "points": 2.5, "reason": "x", "next": "done"},
        DONE,
    ],
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([place for place in places(RICH) if place]), PLAIN)
def test_whatever_stands_somewhere_is_a_fault_or_a_graph(place, found):
    raw = deepcopy(RICH)
    inner = raw
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = found

    reader = document.Reader()
    graph = document.read(reader, raw)

    assert (graph is None) == bool(reader.faults)
    if graph:
        assert shape.unreachable(graph.steps) is not None
