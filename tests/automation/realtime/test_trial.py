"""The throw-away process: it answers like the library here, and what hangs or breaks the library ends it and nothing else."""

from __future__ import annotations

import pytest

from automation.realtime import terms, trial
from automation.realtime.durable import Durable
from automation.realtime.terms import Comparison
from tests.automation.realtime.terms import all_of, any_of, fact, names, rule, yes


def test_it_answers_like_the_library_here():
    rules = [rule(all_of(*yes("a"), any_of("b", "c")), place=0), rule(Comparison("a", "!=", 2), place=1)]
    facts = [fact("a", "b"), fact("a"), fact("x")]

    assert trial.fired(rules, facts) == [Durable(rules).match(one) for one in facts] == [[0, 1], [1], []]


def test_what_hangs_the_library_is_ended():
    too_many = terms.either([Comparison("a", "=", n) for n in range(600)])  # 513 under one parent go round for ever

    with pytest.raises(trial.Hung):
        trial.fired([rule(too_many)], [fact("a")], patience=3)


def test_what_breaks_the_library_breaks_that_process_only():
    with pytest.raises(trial.Crashed):
        trial.fired([rule(any_of(*names("a", 100)))], [fact(*names("a", 100))])
