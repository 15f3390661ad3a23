"""What ends a process in the rule engine ends three at the most; the answers come all the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now

from automation.models import MatchTry
from automation.realtime import durable, quarantine
from automation.realtime.answering import answer
from automation.realtime.matcher import Happened, Rule, compile
from automation.realtime.quarantine import judge
from cdp.conditions import parse
from config.ground.models import Alarm
from tests.automation.builders import NOW, members
from tests.outside import environment

NAMED = {"field": "name", "op": "=", "value": "毒"}
NOBODY = frozenset()


@pytest.mark.parametrize(
    ("left", "rules", "blamed", "suspects"),
    [
        ([], False, set(), set()),
        ([[1, 2, 3]], False, set(), {1, 2, 3}),
        ([[1, 2, 3], [1]], False, set(), {1, 2, 3}),
        ([[1, 2, 3], [1], [1]], False, {1}, {2, 3}),
        ([[1, 2, 3], [1], [1], [2]], False, {1}, {2, 3}),
        ([[1, 2, 3], [1], [1], [2], [2]], True, {1, 2}, {3}),
        ([[1], [2], [3]], True, set(), {1, 2, 3}),
        ([[1, 2], [1, 2], [1, 2]], True, {1, 2}, set()),
        ([[1], [1], [1], [2], [3]], False, {1}, {2, 3}),
    ],
)
def test_who_is_to_blame(left, rules, blamed, suspects):
    verdict = judge(left)

    assert (verdict.rules, verdict.members, verdict.suspects) == (rules, blamed, suspects)


def the_rules():
    return compile([Rule("poison", 1, "browse", parse(NAMED)), Rule("other", 0, "browse", parse({"not": NAMED}))])


@pytest.fixture
def three(transactional_db):
    return [*members(1, "王"), *members(1, "毒"), *members(1, "李")]


def test_a_match_leaves_no_trace(three):
    answers = answer(the_rules(), [Happened("browse", member) for member in three], now=NOW)

    assert answers == [["other"], ["poison"], ["other"]]
    assert MatchTry.objects.count() == 0
    assert Alarm.objects.count() == 0


def test_what_the_library_refuses_is_answered_by_python_with_an_alarm(three, monkeypatch):
    monkeypatch.setattr(durable.library, "start_action_for_state", lambda *_given: 1 / 0)

    answers = answer(the_rules(), [Happened("browse", member) for member in three], now=NOW)

    assert answers == [["other"], ["poison"], ["other"]]
    assert Alarm.objects.get().said == {"error": "ZeroDivisionError"}
    assert list(MatchTry.objects.values_list("members", flat=True)) == [sorted(three)]


def test_one_that_another_process_is_at_is_no_suspect(three):
    with quarantine.watch("rules") as one, one.over(three), quarantine.watch("rules") as two:
        assert two.verdict() == quarantine.Verdict(False, NOBODY, NOBODY)


def test_a_suspect_that_comes_back_is_cleared(three):
    matcher = the_rules()
    MatchTry.objects.create(ruleset=matcher.fingerprint, members=three)

    assert answer(matcher, [Happened("browse", three[0])], now=NOW) == [["other"]]
    assert MatchTry.objects.get().members == three[1:]
    answer(matcher, [Happened("browse", member) for member in three], now=NOW)
    assert MatchTry.objects.count() == 0


WORKER = """
import json, os, signal, sys
import django
django.setup()
import durable_rules_engine as library
from automation.realtime.answering import answer
from automation.realtime.matcher import Happened, Rule, compile
from cdp.conditions import parse
from config.ground import clock
from tests.automation.realtime.test_quarantine import the_rules

deadly, sound = sys.argv[1], library.assert_fact

def assert_fact(handle, text):
    if deadly in text:
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(handle, text)

library.assert_fact = assert_fact
print(json.dumps(answer(the_rules(), [Happened("browse", int(m)) for m in sys.argv[2:]], now=clock.now())))
"""


def until_answered(deadly, whom):
    """Each time by a new worker, as the feed does. (how many were killed, the answer)"""
    for killed in range(10):
        command = [sys.executable, "-c", WORKER, deadly, *map(str, whom)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            return killed, json.loads(done.stdout)
    raise AssertionError("it went on and on")


@pytest.mark.live
@pytest.mark.slow
def test_a_member_that_kills_three_workers_is_answered_by_python(three):
    killed, answers = until_answered('"p0": 1', three)

    assert killed == 3
    assert answers == [["other"], ["poison"], ["other"]]
    assert Alarm.objects.get().said == {"member": three[1]}
    assert until_answered('"p0": 1', three) == (0, answers)


@pytest.mark.live
@pytest.mark.slow
def test_rules_that_kill_whoever_is_matched_are_left_to_python(three):
    killed, answers = until_answered("", three)

    assert killed == 5  # all, the first alone twice, the second alone twice
    assert answers == [["other"], ["poison"], ["other"]]
    assert "the rules of the live journeys ended the rule engine three times; Python answers instead" in list(
        Alarm.objects.values_list("detail", flat=True)
    )


@pytest.mark.django_db
def test_what_other_rules_left_long_ago_is_forgotten():
    made = [MatchTry.objects.create(ruleset=name, members=[1]) for name in ("ours", "theirs", "theirs")]
    MatchTry.objects.filter(pk__in=[made[0].pk, made[1].pk]).update(at=Now() - timedelta(days=2))

    quarantine.forget(but="ours")

    assert set(MatchTry.objects.values_list("pk", flat=True)) == {made[0].pk, made[2].pk}


@pytest.mark.django_db
def test_a_try_names_its_members():
    with pytest.raises(IntegrityError, match="a_try_names_its_members"):
        MatchTry.objects.create(ruleset="ours", members=[])
