"""The tests' own ground: after a test that commits, the database is what the migrations made."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from config.ground.models import Brand
from tests import flush


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("much", [flush.MUCH, 0], ids=["by deleting", "by truncating"])
def test_committed_rows_go_and_seeded_rows_come_back(monkeypatch, much):
    monkeypatch.setattr(flush, "MUCH", much)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO cdp_source (code, name) VALUES ('till', 'Till') RETURNING id")
        (source,) = cursor.fetchone()
        assert source == 1
        cursor.execute("SELECT cdp_event_month('2017-10-01')")
        cursor.execute(
            """INSERT INTO cdp_event (occurred_at, source_id, external_id, type, properties, recorded_at)
               VALUES ('2017-10-01', %s, 'e', 'browse', '{}', now())""",
            [source],
        )
    Brand.objects.update(name="changed", timezone="America/New_York")

    flush.restore(connection)

    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM cdp_event), (SELECT count(*) FROM cdp_source)")
        assert cursor.fetchone() == (0, 0)
        cursor.execute("INSERT INTO cdp_source (code, name) VALUES ('till', 'Till') RETURNING id")
        assert cursor.fetchone() == (1,)  # numbers begin anew too
    assert Permission.objects.create(name="x", codename="x", content_type_id=1).pk == Permission.objects.count()
    assert Brand.objects.the().name == "Huitou"
    assert Brand.objects.the().timezone == "Asia/Shanghai"
