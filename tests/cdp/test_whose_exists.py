"""What is stored is of members and sources that exist, and those stay: each asked once per statement, by the database."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from cdp.models import Source
from tests.builders import a_member

pytestmark = pytest.mark.django_db
EVENT = """INSERT INTO {} (occurred_at, member_id, source_id, external_id, type, properties, recorded_at)
           VALUES ('2017-10-01', {}, {}, 'e', 'browse', '{{}}', now())"""


def _refused(sql: str, *, match: str) -> None:
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def _source() -> int:
    return Source.objects.create(code="till", name="Till").pk


@pytest.mark.parametrize("table", ["cdp_event", "cdp_event_2017_10"])
def test_an_event_is_of_a_member_and_a_source_that_exist(table):
    member, source = a_member(), _source()
    with connection.cursor() as cursor:
        cursor.execute("SELECT cdp_event_month('2017-10-01'), cdp_event_month('2017-10-02')")

    _refused(EVENT.format(table, 0, source), match="is of a member who does not exist")
    _refused(EVENT.format(table, member, 0), match="is of a source that does not exist")

    with connection.cursor() as cursor:
        cursor.execute(EVENT.format(table, member, source))
        cursor.execute(EVENT.format(table, "NULL", source))
    _refused(f"UPDATE {table} SET member_id = 0", match="is of a member who does not exist")


def test_whom_a_feed_row_is_about_exists():
    row = "INSERT INTO cdp_feedrow (reader, kind, ref, member_id, at, failures, parked) VALUES ('r', 'k', 1, {}, now(), 0, false)"

    _refused(row.format(0), match="is of a member who does not exist")

    with connection.cursor() as cursor:
        cursor.execute(row.format(a_member()))
    _refused("UPDATE cdp_feedrow SET member_id = 0", match="is of a member who does not exist")


def test_what_is_remembered_is_of_a_source_that_exists():
    row = "INSERT INTO cdp_seen (kind, source_id, external_id, content) VALUES ('event', {}, 'e', '')"

    _refused(row.format(0), match="is of a source that does not exist")

    with connection.cursor() as cursor:
        cursor.execute(row.format(_source()))
    _refused("UPDATE cdp_seen SET source_id = 0", match="is of a source that does not exist")


@pytest.mark.parametrize("table", ["cdp_member", "cdp_source"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET id = id + 1000"])
def test_members_and_sources_stay(table, change):
    a_member()
    _source()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # what is still to be checked would refuse a TRUNCATE before our law does

    _refused(change.format(table), match="stay under their ids")
