"""After a test that commits, the database is again what the migrations made.

Django's own flush stumbles over us: append-only tables refuse TRUNCATE, partitioned ones are unknown to it, and what the
migrations seeded would be gone. So the rows after the migrations are kept in the schema `seeded`, and a flush puts them back;
triggers sleep for that moment (session_replication_role, which needs a superuser).
"""

from __future__ import annotations

TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""
# A killed process's last statement goes on in its server process, and would deadlock with the TRUNCATE.
ORPHANS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"""
COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"""


def tables(cursor) -> list[str]:
    cursor.execute(TABLES)
    return [name for (name,) in cursor.fetchall() if name != "django_migrations"]


def remember(connection) -> None:
    """Once per database; a reused one is first put back, since the run before it may have been killed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(app || name, ',' ORDER BY id) FROM django_migrations")
        (migrated,) = cursor.fetchone()
        cursor.execute("SELECT obj_description(to_regnamespace('seeded'), 'pg_namespace')")
        if cursor.fetchone()[0] == migrated:
            return restore(connection)
        cursor.execute("DROP SCHEMA IF EXISTS seeded CASCADE; CREATE SCHEMA seeded")
        for name in tables(cursor):
            cursor.execute(f'SELECT 1 FROM public."{name}" LIMIT 1')
            if cursor.fetchone():
                cursor.execute(f'CREATE TABLE seeded."{name}" AS TABLE public."{name}"')
        cursor.execute(f"COMMENT ON SCHEMA seeded IS '{migrated}'")
    return None


def restore(connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ORPHANS)
        names = ", ".join(f'public."{name}"' for name in tables(cursor))
        cursor.execute(f"SET session_replication_role = replica; TRUNCATE {names} RESTART IDENTITY")
        cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'seeded'::regnamespace AND relkind = 'r'")
        for (name,) in cursor.fetchall():
            cursor.execute(COLUMNS, [f'public."{name}"'])
            (columns,) = cursor.fetchone()
            cursor.execute(f'INSERT INTO public."{name}" ({columns}) SELECT {columns} FROM seeded."{name}"')
            advance(cursor, name)
        cursor.execute("SET session_replication_role = DEFAULT")


def advance(cursor, name: str) -> None:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> ''", [f'public."{name}"']
    )
    for (column,) in cursor.fetchall():
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('public.\"{name}\"', '{column}'), max({column})) FROM public.\"{name}\""
        )
