"""What an operator is told before it hurts: `manage.py check --database default --deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from config import env

OLDEST = 160000  # PostgreSQL's own number for 16.0


@register(Tags.database)
def postgres_is_new_enough(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for alias in databases or []:
        connections[alias].ensure_connection()
        version = connections[alias].pg_version  # type: ignore[attr-defined]
        if version < OLDEST:
            hint = "Point DATABASE_URL to PostgreSQL 16 or newer."
            found.append(Error(f"PostgreSQL {version // 10000} is too old.", hint=hint, id="huitou.E001"))
    return found


@register(Tags.security, deploy=True)
def links_lead_here(**_: Any) -> list[CheckMessage]:
    """Links in messages and the providers' callbacks are built from PUBLIC_URL."""
    if urlsplit(settings.PUBLIC_URL).hostname not in ("127.0.0.1", "localhost", "::1"):
        return []
    hint = "Set PUBLIC_URL to the address under which members and providers reach this installation."
    return [Warning(f"PUBLIC_URL is {settings.PUBLIC_URL}.", hint=hint, id="huitou.W001")]


@register(Tags.security, deploy=True)
def the_truth_is_kept_elsewhere(**_: Any) -> list[CheckMessage]:
    if env.given("DATABASE_URL") and env.given("BROKER_URL"):
        return []
    hint = "Set DATABASE_URL and BROKER_URL to servers that are backed up and watched."
    return [Warning("The embedded servers are for trying out and for development.", hint=hint, id="huitou.W002")]
