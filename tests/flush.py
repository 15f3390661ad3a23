"""After a test that commits, the database is again what the migrations made.

Django's own flush stumbles over us: append-only tables refuse TRUNCATE, partitioned ones are unknown to it, and what the
migrations seeded would be gone. So the rows after the migrations are kept in the schema `seeded`, and its function puts them back;
triggers sleep for that moment (session_replication_role, which needs a superuser).

A TRUNCATE makes new files for every table and index, half a second for ours, so the few rows of an ordinary test are deleted,
in a twentieth of that. What deletes leave behind is room: when there is much of it, a TRUNCATE gives it back.
"""

from __future__ import annotations

MUCH = 16 * 2**20  # bytes of all tables; those of a database just migrated are 0.3 MB
TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""
# A killed process's last statement goes on in its server process, and would deadlock with us.
ORPHANS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"""
RESTORE = """
    CREATE FUNCTION seeded.restore(much bigint) RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
    BEGIN
        IF (SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace) > much THEN
            TRUNCATE {all};
        ELSE
            {deletes}
        END IF;
        PERFORM setval(oid::regclass, seqstart, false) FROM pg_class JOIN pg_sequence ON seqrelid = oid
        WHERE relnamespace = 'public'::regnamespace;
        {inserts}
    END $$"""
SEEDED = """
    SELECT s.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
           min(a.attname) FILTER (WHERE a.attidentity <> '')
    FROM pg_class s JOIN pg_attribute a ON a.attrelid = format('public.%%I', s.relname)::regclass
    WHERE s.relnamespace = 'seeded'::regnamespace AND s.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY 1"""


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
        names = tables(cursor)
        for name in names:
            cursor.execute(f'SELECT 1 FROM public."{name}" LIMIT 1')
            if cursor.fetchone():
                cursor.execute(f'CREATE TABLE seeded."{name}" AS TABLE public."{name}"')
        cursor.execute(SEEDED, [names])
        inserts = " ".join(insert(*seeded) for seeded in cursor.fetchall())
        deletes = " ".join(f'DELETE FROM public."{name}";' for name in names)
        everything = ", ".join(f'public."{name}"' for name in names)
        cursor.execute(RESTORE.format(all=everything, deletes=deletes, inserts=inserts))
        cursor.execute(f"COMMENT ON SCHEMA seeded IS '{migrated}'")
    return None


def insert(name: str, columns: str, counted: str | None) -> str:
    """The rows of the migrations, and what counts them goes on after them."""
    rows = f'INSERT INTO public."{name}" ({columns}) SELECT {columns} FROM seeded."{name}";'
    if counted is None:
        return rows
    last = f'SELECT max("{counted}") FROM public."{name}"'
    return f"{rows} PERFORM setval(pg_get_serial_sequence('public.\"{name}\"', '{counted}'), ({last}));"


def restore(connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ORPHANS)
        cursor.execute("SELECT seeded.restore(%s)", [MUCH])
