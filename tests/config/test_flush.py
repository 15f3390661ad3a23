"""The tests' own ground: after a test that commits, the database is what the migrations made."""

from __future__ import annotations

import pytest
from django.db import connection

from config.ground.models import Brand
from tests import flush


@pytest.mark.django_db(transaction=True)
def test_committed_rows_go_and_seeded_rows_come_back():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO cdp_source (code, name) VALUES ('till', 'Till') RETURNING id")
        source = cursor.fetchone()[0]
        cursor.execute("SELECT cdp_event_month('2017-10-01')")
        cursor.execute(
            """INSERT INTO cdp_event (occurred_at, source_id, external_id, type, properties, recorded_at)
               VALUES ('2017-10-01', %s, 'e', 'browse', '{}', now())""",
            [source],
        )
    Brand.objects.update(name="changed", timezone="America/New_York")

    flush.restore(connection)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cdp_event")
        assert cursor.fetchone() == (0,)
    assert Brand.objects.the().name == "Huitou"
    assert Brand.objects.the().timezone == "Asia/Shanghai"
