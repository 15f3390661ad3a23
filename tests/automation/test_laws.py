"""Around Python: what the database itself refuses."""

import pytest
from django.db import IntegrityError, connection, transaction

from automation.models import Enrolment
from tests.automation.builders import NOW, a_journey, advance, enrol, members


def refused(sql, *params):
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    return str(error.value)


COPY = """INSERT INTO automation_enrolment (journey_id, version_id, member_id, cause, state, step, visit, due_at,
                                            enrolled_at, closes_at, closed_at, reason)
          SELECT journey_id, version_id, member_id, {}, 'done', '', 1, NULL, enrolled_at, closes_at, {}, ''
          FROM automation_enrolment"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE automation_journeyversion SET document = '{}'",
        "DELETE FROM automation_journeyversion",
        "TRUNCATE automation_journeyversion CASCADE",
    ],
)
def test_a_published_version_is_frozen(sql):
    a_journey()
    connection.check_constraints()  # what is still to be checked would refuse a TRUNCATE before our law does

    assert "a published version is frozen" in refused(sql)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE automation_steprun SET outcome = 'x'",
        "DELETE FROM automation_steprun",
        "TRUNCATE automation_steprun",
    ],
)
def test_step_runs_are_append_only(sql):
    assert "append-only" in refused(sql)


@pytest.mark.django_db
def test_a_cause_enrols_once():
    version = a_journey()
    members(1)
    enrol(version)

    assert "a_cause_enrols_once" in refused(COPY.format("cause", "enrolled_at"))


@pytest.mark.django_db
def test_one_open_enrolment_of_a_member_in_a_journey():
    version = a_journey()
    members(1)
    enrol(version)

    assert "one_open_enrolment" in refused(COPY.format("gen_random_uuid()", "NULL"))


@pytest.mark.django_db
def test_one_run_per_enrolment_step_and_visit():
    version = a_journey()
    members(1)
    enrol(version)
    advance()

    assert "one_run_per_enrolment_step_and_visit" in refused(
        """INSERT INTO automation_steprun (enrolment_id, step, visit, at, outcome)
           SELECT enrolment_id, step, visit, at, outcome FROM automation_steprun"""
    )


@pytest.mark.django_db
def test_only_the_open_are_due_and_what_is_under_way_is_not_closed():
    version = a_journey()
    members(1)
    enrol(version)

    assert "only_the_open_are_due" in refused("UPDATE automation_enrolment SET state = 'done'")
    assert "only_the_open_are_due" in refused("UPDATE automation_enrolment SET due_at = NULL")
    assert "under_way_is_not_closed" in refused("UPDATE automation_enrolment SET closed_at = %s", NOW)
    assert "known_state" in refused("UPDATE automation_enrolment SET state = 'gone', due_at = NULL")


@pytest.mark.django_db
def test_a_journey_that_runs_has_a_version_of_its_own():
    a_journey()
    a_journey("other")

    assert "a_journey_that_runs_has_a_version" in refused("UPDATE automation_journey SET live_id = NULL")
    assert "the_live_version_is_of_this_journey" in refused(
        """UPDATE automation_journey j SET live_id = (SELECT id FROM automation_journeyversion v
                                                      WHERE v.journey_id <> j.id LIMIT 1)"""
    )
    assert Enrolment.objects.count() == 0
