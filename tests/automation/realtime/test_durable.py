"""The library inside its fence: what fires, in which order, and what is left behind (nothing)."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from automation.realtime import durable
from automation.realtime.closures import Closures
from automation.realtime.durable import Broken, Durable
from automation.realtime.terms import Comparison, Fact
from tests.automation.realtime.terms import all_of, any_of, fact, names, rule, yes


def both_engines(*rules):
    return [Durable(rules), Closures(rules)]


@pytest.mark.parametrize("n", [0, 1], ids=["durable", "closures"])
def test_rules_come_in_the_order_of_their_places(n):
    engine = both_engines(*(rule(*yes("a"), place=place) for place in (7, 2, 5, 30)))[n]

    assert engine.match(fact("a")) == [2, 5, 7, 30]


@pytest.mark.parametrize("n", [0, 1], ids=["durable", "closures"])
def test_a_rule_answers_its_kind_only(n):
    engine = both_engines(rule(*yes("a"), place=0, kind=0), rule(*yes("a"), place=1, kind=1))[n]

    assert engine.match(fact("a", kind=1)) == [1]
    assert engine.match(fact("a", kind=2)) == []


@pytest.mark.parametrize("n", [0, 1], ids=["durable", "closures"])
def test_a_rule_that_holds_in_many_ways_is_named_once(n):
    engine = both_engines(rule(all_of(any_of("a", "b", "c"), any_of("d", "e"))))[n]

    assert engine.match(fact("a", "b", "c", "d", "e")) == [0]
    assert engine.match(fact("a", "b", "c")) == []


@pytest.mark.parametrize("n", [0, 1], ids=["durable", "closures"])
@pytest.mark.parametrize("op", ["=", "!=", "<", "<=", ">", ">="])
def test_what_is_not_there_fulfils_no_comparison(n, op):
    engine = both_engines(rule(Comparison("a", op, 0)))[n]

    assert engine.match(Fact(0, {"b": 0})) == []
    assert engine.match(Fact(0, {"a": 1})) == ([0] if op in ("!=", ">", ">=") else [])


def test_a_hundred_rules_stand_in_shards_and_answer_as_one():
    engine = Durable([rule(all_of(*yes("a", f"b{n % 3}")), place=n) for n in range(100)])

    assert engine.match(fact("a", "b1")) == list(range(1, 100, 3))


def test_what_the_rules_do_not_ask_is_not_handed_over():
    engine = Durable([rule(*yes("a"))])

    assert engine.match(fact("a", *names("x", 400))) == [0]


def test_the_same_fact_again_is_answered_again():
    engine = Durable([rule(*yes("a"))])

    assert [engine.match(fact("a")) for _n in range(3)] == [[0], [0], [0]]


def test_threads_take_turns():
    engine = Durable([rule(*yes("a"), place=0), rule(*yes("b"), place=1)])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(engine.match, [fact("a"), fact("b")] * 500))

    assert answers == [[0], [1]] * 500


def test_a_child_builds_its_own():
    engine = Durable([rule(*yes("a"))])
    engine.match(fact("a"))
    here, there = os.pipe()
    if not (child := os.fork()):
        os.write(there, json.dumps(engine.match(fact("a"))).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert json.loads(os.read(here, 100)) == [0]
    assert engine.match(fact("a")) == [0]


def test_a_network_that_failed_is_thrown_away_and_built_anew(monkeypatch):
    engine = Durable([rule(*yes("a"))])
    engine.match(fact("a"))
    sound = durable.library.retract_fact
    monkeypatch.setattr(durable.library, "retract_fact", lambda *_given: 1 / 0)
    with pytest.raises(Broken, match="ZeroDivisionError"):
        engine.match(fact("a"))
    monkeypatch.setattr(durable.library, "retract_fact", sound)

    assert engine.match(fact("a")) == [0]


def test_twenty_thousand_facts_leave_nothing_behind():
    assert grown(20_000) < 1_000_000


@pytest.mark.slow
def test_a_million_facts_leave_nothing_behind():
    assert grown(1_000_000) < 1_000_000


def grown(count):
    """Bytes, after a while in which everything has found its room."""
    engine = Durable([rule(all_of(*yes("a"), any_of("b", "c")), place=n) for n in range(5)])
    facts = [fact("a", "b", "c"), fact("a"), fact("x")]
    for n in range(3_000):
        engine.match(facts[n % 3])
    before = resident()
    for n in range(count):
        engine.match(facts[n % 3])
    return resident() - before


def test_a_network_that_is_closed_gives_its_memory_back():
    rules = [rule(all_of(*yes("a", f"b{n}")), place=n) for n in range(40)]

    def once():
        engine = Durable(rules)
        assert engine.match(fact("a", "b3")) == [3]
        engine.close()

    for _n in range(20):
        once()
    before = resident()
    for _n in range(100):
        once()

    assert resident() - before < 4_000_000


def test_a_network_that_answered_nothing_is_closed_too():
    engine = Durable([rule(*yes("a"))])
    engine.close()
    engine.match(fact("b"))
    engine.close()

    assert engine.match(fact("a")) == [0]


def test_no_two_names_look_alike_to_the_library():
    made = [f"{letter}{n}{end}" for letter in "pf" for n in range(2000) for end in ("", "-", "+")]
    made += ["sid", "id", "t", "$s", "end", *(f"r{n}" for n in range(2000))]

    assert len({hashed(name) for name in made}) == len(made)


def hashed(name: str) -> int:
    """FNV-1a, 32 bits: all that the library keeps of a property's name."""
    code = 2166136261
    for byte in name.encode():
        code = (code ^ byte) * 16777619 % 2**32
    return code


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
