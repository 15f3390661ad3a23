"""On real households, DuckDB, reading the source's own files, finds what `manage.py insight` finds: at the end and before."""

from __future__ import annotations

import io
import json
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from cdp.insight import whom
from cdp.insight.funnels import second_purchase
from cdp.insight.intervals import intervals
from cdp.insight.tgi import tgi
from cdp.models import Profile
from config.complete_journey import BEGIN, ZONE, Past, dress
from config.ground import clock
from tests.builders import absorbed
from tests.cdp.insight.oracle import Oracle

END = datetime(2017, 12, 31, 23, 59, 59, tzinfo=ZONE)
SOME = 150


@pytest.fixture(scope="module")
def past(django_db_setup, django_db_blocker):
    """Some households with all of their year, and no profile of them: a transaction that is undone after this file."""
    with django_db_blocker.unblock(), transaction.atomic():
        dress()
        clock.stand(END, by="test")
        past = Past(SOME)
        past(BEGIN, END, now=END, history=True)
        yield past
        transaction.set_rollback(True)


def insight(*arguments):
    out = io.StringIO()
    call_command("insight", "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


def test_duckdb_finds_the_same_in_the_sources_own_files(past):
    assert Profile.objects.count() == 0  # from facts, not from what was computed before

    found = insight("--as-of", END.isoformat())

    assert found.pop("as_of") == "2017-12-31T23:59:59-05:00"
    assert found == Oracle(past.tables.db, until="2017-12-31 23:59:59").insight()
    assert (found["members"], found["buyers"]) == (SOME, SOME)
    assert sum(found["stages"].values()) == sum(found["rfm"]["scores"].values()) == SOME
    assert len([stage for stage, members in found["stages"].items() if members]) >= 4


def test_an_instant_of_the_past_knows_nothing_of_what_came_later(past):
    then = insight("--as-of", "2017-06-30T12:34:56-04:00")

    wanted = Oracle(past.tables.db, until="2017-06-30 12:34:56").insight()
    registered = then.pop("members")
    new = then["stages"].pop("new")
    then["value_tiers"]["base"] -= new  # who registered and has not purchased
    del wanted["members"], wanted["stages"]["new"], then["as_of"]
    assert then == wanted
    assert registered == then["buyers"] + new < SOME


def test_the_parts_of_the_members_make_the_whole(past):
    whole = insight("--as-of", END.isoformat())

    parts = [
        insight("--as-of", END.isoformat(), "--segment", f"stage:{stage}") for stage, n in whole["stages"].items() if n
    ]

    assert {json.dumps(part["rfm"]["cuts"]) for part in parts} == {json.dumps(whole["rfm"]["cuts"])}
    for axis in ("stages", "value_tiers"):
        for value, members in whole[axis].items():
            assert sum(part[axis][value] for part in parts) == members
    for score, members in whole["rfm"]["scores"].items():
        assert sum(part["rfm"]["scores"].get(score, 0) for part in parts) == members


def test_duckdb_finds_the_same_traits_intervals_and_second_purchases(past):
    oracle = Oracle(past.tables.db, until="2017-12-31 23:59:59")
    stage = max(("critical", "dormant", "churned"), key=lambda stage: oracle.counts("stage", [stage])[stage])

    found = tgi(whom.find(f"stage:{stage}", as_of=END), families=("category",), as_of=END)

    members = oracle.counts("stage")[stage]
    wanted = oracle.departments(stage)
    told = {one.trait: one for one in found.traits if " > " not in one.trait}
    counts = {trait: (one.segment.numerator, one.base.numerator) for trait, one in told.items()}
    assert counts == {trait: wanted[trait] for trait in told}
    rarest = min(one.base.numerator for one in found.traits)  # of those that are told; rarer ones are not
    assert {trait for trait, (_of_stage, everybody) in wanted.items() if everybody > rarest} <= set(told)
    for trait, (of_stage, everybody) in counts.items():
        assert told[trait].tgi == pytest.approx(100 * (of_stage / members) / (everybody / SOME))

    gaps = sorted(oracle.gaps())
    spread = intervals(as_of=END)
    assert [sum(one.low <= gap <= (one.high or 999) for gap in gaps) for one in spread.ranges] == [
        one.count for one in spread.ranges
    ]
    assert (spread.overall.intervals, spread.overall.quartiles.p75) == (len(gaps), gaps[-(-3 * len(gaps) // 4) - 1])
    second = second_purchase(as_of=END)
    assert [(one.numerator, one.denominator) for one in second.within] == [oracle.second(days) for days in (30, 60, 90)]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nobody", "stage:sleeping", "rfm_group:112", "tag:tea", "tag:shape:round", "x:y"])
def test_whom_there_is_not_is_refused(name):
    with pytest.raises(CommandError):
        insight("--segment", name)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_whole_year_of_all_households():
    call_command("load_complete_journey", verbosity=0, stdout=io.StringIO())
    absorbed(now=END)

    found = insight("--as-of", END.isoformat())

    del found["as_of"]
    assert found == Oracle(Past().tables.db, until="2017-12-31 23:59:59").insight()
    assert (found["members"], found["buyers"]) == (2_469, 2_469)
