from __future__ import annotations

import pytest
from django.db import connection

from config import checks


@pytest.mark.django_db
def test_an_old_database_is_an_error(monkeypatch):
    assert checks.postgres_is_new_enough(databases=["default"]) == []

    monkeypatch.setattr(checks, "OLDEST", connection.pg_version + 1)
    (error,) = checks.postgres_is_new_enough(databases=["default"])

    assert (error.id, error.is_serious()) == ("huitou.E001", True)


@pytest.mark.parametrize(
    ("address", "ids"), [("http://127.0.0.1:8000", ["huitou.W001"]), ("https://huitou.example.com", [])]
)
def test_links_to_nowhere_are_warned_of(settings, address, ids):
    settings.PUBLIC_URL = address

    assert [warning.id for warning in checks.links_lead_here()] == ids
