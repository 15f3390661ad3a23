import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from automation import arms, publishing
from automation.enrolment import Enrolled
from automation.models import Enrolment
from tests.automation.builders import DAY, NAMED, NOW, a_journey, advance, enrol, members, states


@pytest.mark.django_db
def test_who_qualifies_is_enrolled_at_the_first_step_and_nobody_else():
    version = a_journey(entry=NAMED)
    members(3, "张")
    wanted = members(2, "李")

    assert enrol(version) == Enrolled(treated=2)
    rows = Enrolment.objects.order_by("member_id")
    assert [(row.member_id, row.state, row.step, row.due_at) for row in rows] == [
        (member, "open", "hello", NOW) for member in wanted
    ]
    assert {(row.enrolled_at, row.closes_at, row.closed_at) for row in rows} == {(NOW, NOW + 14 * DAY, None)}


@pytest.mark.django_db
def test_the_same_cause_twice_enrols_once():
    version = a_journey(
        reentry={"mode": "always"}, goal={"did": "order", "within": "PT1H"}, steps=[{"id": "x", "end": True}]
    )
    members(5)
    assert enrol(version, "slot 1") == Enrolled(treated=5)
    advance()
    advance(NOW + DAY)  # all are closed, and the mode lets them in again

    assert enrol(version, "slot 1", NOW + DAY) == Enrolled()
    assert enrol(version, "slot 2", NOW + DAY) == Enrolled(treated=5)


@pytest.mark.django_db
def test_only_those_asked_about_are_enrolled():
    version = a_journey()
    one, _other = members(2)

    assert enrol(version, among=[one]) == Enrolled(treated=1)
    assert Enrolment.objects.get().member_id == one


@pytest.mark.django_db
@pytest.mark.parametrize("verb", [publishing.pause, publishing.drain])
def test_a_journey_that_is_not_live_enrols_nobody(verb):
    version = a_journey()
    members(2)
    verb(version.journey, by="li", now=NOW)

    assert enrol(version) == Enrolled()
    assert Enrolment.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reentry", "comes_back_on"),
    [
        ({"mode": "never"}, []),
        ({"mode": "always"}, [15, 40, 100]),
        ({"mode": "after", "after": "P30D"}, [40, 100]),
        ({"mode": "after", "after": "P90D"}, [100]),
    ],
)
def test_who_may_come_back_and_when_the_same_for_both_arms(reentry, comes_back_on):
    version = a_journey(reentry=reentry, holdout=0.5, steps=[{"id": "x", "end": True}])
    everybody = members(20)
    first = enrol(version, "0")
    arm = dict(Enrolment.objects.values_list("member_id", "state"))
    assert first.treated + first.held_out == 20
    assert 0 < first.held_out < 20

    back = []
    for day in (1, 10, 15, 40, 100):
        now = NOW + timedelta(days=day)
        advance(now)
        again = enrol(version, str(day), now)
        assert again in (first, Enrolled())
        back += [day] if again == first else []

    assert back == comes_back_on
    for member in everybody:
        held_out = {row.state == "held_out" for row in Enrolment.objects.filter(member=member)}
        assert held_out == {arm[member] == "held_out"}


@pytest.mark.django_db
def test_a_new_version_keeps_everybody_in_their_arm():
    first = a_journey(holdout=0.3, reentry={"mode": "always"}, steps=[{"id": "x", "end": True}])
    members(50)
    before = enrol(first, "1")
    advance()
    advance(NOW + 15 * DAY)
    second = a_journey(holdout=0.3, reentry={"mode": "always"}, priority=70, steps=[{"id": "x", "end": True}])

    assert second.number == 2
    assert enrol(second, "2", NOW + 15 * DAY) == before
    arms_of = Counter((row.member_id, row.state == "held_out") for row in Enrolment.objects.all())
    assert set(arms_of.values()) == {2}


@pytest.mark.django_db
def test_the_share_held_out_is_who_the_hash_says():
    version = a_journey(holdout=0.2)
    everybody = members(1000)

    enrolled = enrol(version)

    expected = {member for member in everybody if arms.unit("journey:win-back", member) < 0.2}
    assert set(Enrolment.objects.filter(state="held_out").values_list("member_id", flat=True)) == expected
    assert enrolled == Enrolled(treated=1000 - len(expected), held_out=len(expected))
    assert 150 < len(expected) < 250


@pytest.mark.django_db
def test_the_held_out_are_never_advanced_and_close_with_their_window():
    version = a_journey(holdout=0.5)
    members(20)
    held_out = enrol(version).held_out

    for day in range(20):
        advance(NOW + day * DAY)

    assert states() == {"done": 20 - held_out, "held_out": held_out}
    assert Enrolment.objects.filter(state="held_out", runs__isnull=False).count() == 0
    assert set(Enrolment.objects.values_list("closed_at", flat=True)) == {NOW + 14 * DAY}


class TheHash(TestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40), st.integers(1, 2**63 - 1))
    def test_is_the_same_in_sql_and_in_python(self, salt, member):
        with connection.cursor() as cursor:
            cursor.execute("SELECT automation_unit(%s, %s)", [salt, member])
            assert cursor.fetchone()[0] == arms.unit(salt, member)
        assert 0 <= arms.unit(salt, member) < 1

    def test_is_part_of_the_statement_that_asks_for_it(self):
        with connection.cursor() as cursor:  # a call for each of a million members costs four times as much
            cursor.execute("EXPLAIN (VERBOSE) SELECT automation_unit('win-back', id) FROM cdp_member")
            plan = str(cursor.fetchall())
        assert "sha256" in plan and "automation_unit" not in plan


@pytest.mark.django_db(transaction=True)
def test_two_passes_at_the_same_time_enrol_once():
    version = a_journey(reentry={"mode": "always"})
    members(300)
    together, answers = threading.Barrier(4), []

    def one_pass(slot):
        together.wait()
        answers.append(enrol(version, slot).treated)
        connection.close()

    threads = [threading.Thread(target=one_pass, args=[slot]) for slot in ("1", "1", "2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(answers) == Enrolment.objects.count() == 300
    assert len(answers) == 4
