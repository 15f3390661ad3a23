"""What the migrations make is made once; every worker and every run gets a copy of it.

Migrating takes ten seconds of CPU, a copy a third of one. The template's name carries a digest of the migrations and of what
they read, so a changed migration, another key or another Django has a template of its own, and the one before it goes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from config.ground import crypto
from tests import flush

PREFIX = "huitou_tests_"
LOCK = "SELECT pg_advisory_lock(hashtext('the template of the tests'))"  # its connection's end gives it back


def digest() -> str:
    read = hashlib.sha256(f"{django.VERSION} {settings.FIELD_KEY} {settings.TIME_ZONE}".encode())
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    files = {sys.modules[one.__module__].__file__ for one in migrations.values()}
    for file in sorted({*files, crypto.__file__, flush.__file__}):
        read.update(f"{Path(file).name}\n".encode() + Path(file).read_bytes())
    return read.hexdigest()[:16]


def ready(connection) -> str:
    """The template's name; of two workers that ask at once, one makes it and the other waits."""
    name = PREFIX + digest()
    with connection._nodb_cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"])
        there = {found for (found,) in cursor.fetchall()}
        if name not in there:
            for older in there:
                cursor.execute(f"DROP DATABASE {older} WITH (FORCE)")
            make(connection, cursor, f"{PREFIX}making")
            # A name that says it is complete, and nobody connected: who is would be in a copy's way.
            cursor.execute(f"ALTER DATABASE {PREFIX}making ALLOW_CONNECTIONS false")
            cursor.execute(f"ALTER DATABASE {PREFIX}making RENAME TO {name}")
    return name


def make(connection, cursor, name: str) -> None:
    cursor.execute(f"CREATE DATABASE {name}")
    ours = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
        flush.remember(connection)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = ours
