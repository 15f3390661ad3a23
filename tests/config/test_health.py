"""Readiness names every part, and a worker or beat counts by what it did, not by being there."""

from __future__ import annotations

import pytest
from django.db import connection

from config.ground.tasks import canary

pytestmark = pytest.mark.django_db


def checks(client, status):
    answer = client.get("/readyz")
    assert answer.status_code == status
    assert answer.json()["ready"] is (status == 200)
    return answer.json()["checks"]


def test_alive_is_alive(client):
    assert client.get("/healthz").content == b"ok\n"


def test_nothing_is_ready_before_a_canary_came_back(client):
    assert checks(client, 503) == {
        "database": "ok",
        "migrations": "ok",
        "keys": "ok",
        "broker": "ok",
        "worker": "never seen",
        "beat": "never seen",
    }


def test_ready_when_both_canaries_came_back_and_not_when_one_is_late(client):
    canary("worker")
    canary("beat")
    assert set(checks(client, 200).values()) == {"ok"}

    with connection.cursor() as cursor:
        cursor.execute("UPDATE ground_heartbeat SET seen_at = seen_at - interval '90 s' WHERE name = 'beat'")
    late = checks(client, 503)

    assert (late["worker"], late["beat"]) == ("ok", "last seen 90 s ago")


def test_a_host_without_a_key_is_not_ready(client, settings):
    settings.FIELD_KEY = "k9:" + "00" * 32

    assert checks(client, 503)["keys"] == "FIELD_KEY lacks the key 'k1', which the database looks up with"


def test_a_broker_that_is_away_is_named(client, celery_nowhere):
    assert checks(client, 503)["broker"] == "failed: OperationalError"


@pytest.fixture
def celery_nowhere():
    from config.celery import app

    there = app.conf.broker_url
    app.conf.broker_read_url = app.conf.broker_write_url = app.conf.broker_url = "redis://127.0.0.1:1/0"
    yield
    app.conf.broker_read_url = app.conf.broker_write_url = app.conf.broker_url = there
