"""`/healthz`: this process answers. `/readyz`: the whole installation does its work, each part by name.

Worker and beat are proven by what they did: the canary, sent through the broker, executed, and written to PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable

from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.ground import blinds, crypto

FRESH = 30  # seconds; a canary flies every 5


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    checks = {name: _said(check) for name, check in CHECKS}
    ready = all(word == "ok" for word in checks.values())
    answer = JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)
    answer["Cache-Control"] = "no-store"
    answer._has_been_logged = True  # type: ignore[attr-defined]  # a 503 here is an answer, not an error of ours
    return answer


def _said(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, OperationalError, RedisError, OSError) as problem:
        return f"failed: {type(problem).__name__}"  # the text of the error may carry an address


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


_applied = False  # once all are, they stay so for as long as this code runs


def migrations() -> str:
    global _applied
    if not _applied:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            return f"{len(waiting)} not applied: run `manage.py migrate`"
        _applied = True
    return "ok"


def keys() -> str:
    """A host that cannot look members up must not be asked about them."""
    try:
        with transaction.atomic():
            blinds.versions()
    except crypto.KeyMissing as lacking:
        return str(lacking)
    return "ok"


def broker() -> str:
    with current_app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=3)
        link.default_channel.client.ping()
    return "ok"


def beating(name: str) -> Callable[[], str]:
    def check() -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM clock_timestamp() - seen_at)::int FROM ground_heartbeat WHERE name = %s",
                [name],
            )
            row = cursor.fetchone()
        if row is None:
            return "never seen"
        return "ok" if row[0] <= FRESH else f"last seen {row[0]} s ago"

    return check


CHECKS = (
    ("database", database),
    ("migrations", migrations),
    ("keys", keys),
    ("broker", broker),
    ("worker", beating("worker")),
    ("beat", beating("beat")),
)
