"""Events stand in months, made when one is needed: also in the middle of somebody's transaction."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from cdp.ingest import tables
from cdp.models import Member
from tests import racing
from tests.builders import a_member, an_event

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_month_is_made_while_others_write_members_and_events():
    """A drain holds its members when it finds that a month is lacking; whoever waits for one of them has written too."""
    member = a_member()
    tables.make_months([datetime(2017, 9, 30, tzinfo=UTC), datetime(2017, 10, 1, tzinfo=UTC)])

    def write():
        an_event(member, "browse", "2017-10-01")
        Member.objects.select_for_update(no_key=True).get(pk=member)

    def make():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
            tables.make_months([datetime(2031, 5, 1, tzinfo=UTC), datetime(2031, 5, 2, tzinfo=UTC)])
            cursor.execute("SELECT to_regclass('cdp_event_2031_05') IS NOT NULL")
            return cursor.fetchone()[0]

    assert racing.beside(write, make)


def test_a_month_has_the_laws_of_the_table():
    tables.make_months([datetime(2031, 6, 1, tzinfo=UTC)])

    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'cdp_event_2031_06'::regclass) =
                      (SELECT count(*) FROM pg_index WHERE indrelid = 'cdp_event'::regclass),
                      (SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
                       WHERE x.indrelid = 'cdp_event_2031_06'::regclass) =
                      (SELECT count(*) FROM pg_index WHERE indrelid = 'cdp_event'::regclass)"""
        )
        assert cursor.fetchone() == (True, True)
