import django.db.models.deletion
from django.db import migrations, models

# What a batch brings is of members and of a source that exist. A foreign key asks for each row, and locks what it finds, in case
# that goes: 22 of the 67 µs that an event cost the server. Members and sources never go, so it is enough to ask once per statement.
STAY = """
CREATE FUNCTION cdp_refuse_departure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % stay under their ids', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER members_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id ON cdp_member
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_departure();
CREATE TRIGGER sources_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id ON cdp_source
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_departure();
"""
GO = """
DROP TRIGGER sources_stay ON cdp_source;
DROP TRIGGER members_stay ON cdp_member;
DROP FUNCTION cdp_refuse_departure;
"""
# OFFSET 0: one index look-up each. Planned for a few members, a statement would read all of them for as long as its plan is kept.
MEMBERS = """
    IF EXISTS (SELECT FROM fresh f WHERE f.member_id IS NOT NULL
                                     AND NOT EXISTS (SELECT FROM cdp_member m WHERE m.id = f.member_id OFFSET 0)) THEN
        RAISE EXCEPTION 'a row of % is of a member who does not exist', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
    END IF;"""
SOURCES = """
    IF EXISTS (SELECT FROM (SELECT DISTINCT source_id FROM fresh) f
               WHERE NOT EXISTS (SELECT FROM cdp_source s WHERE s.id = f.source_id)) THEN
        RAISE EXCEPTION 'a row of % is of a source that does not exist', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
    END IF;"""
LAWS = {"cdp_feedrow": ("members", MEMBERS), "cdp_seen": ("sources", SOURCES), "cdp_event": ("members_and_sources", MEMBERS + SOURCES)}
_TRIGGER = """CREATE TRIGGER {name}_of_who_exists_{when} AFTER {when} ON {table} REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_unknown_{law}();"""


def functions() -> str:
    return "".join(
        f"CREATE FUNCTION cdp_refuse_unknown_{law}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;"
        for law, body in LAWS.values()
    )


def triggers(table: str, on: str) -> str:
    law, _body = LAWS[table]
    return "".join(
        _TRIGGER.format(name=table.removeprefix("cdp_"), when=when, table=on, law=law) for when in ("insert", "update")
    )


def months(each: str) -> str:
    """A statement that names a month is not one of the whole table, so each month has the law too."""
    return f"""DO $do$ DECLARE month text; BEGIN
        FOR month IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'cdp_event'::regclass LOOP
            EXECUTE replace($$ {each} $$, 'MONTH', month);
        END LOOP;
    END $do$;"""


MAKE_MONTH = """
CREATE OR REPLACE FUNCTION cdp_event_month(at timestamptz) RETURNS void LANGUAGE plpgsql AS $do$
DECLARE
    first date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
    name text := 'cdp_event_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('cdp_event_month'));
        %s
    END IF;
END $do$;
"""
# Made apart and attached, a month stops neither readers nor writers of the others: a drain that needs one holds its members.
TABLE = """EXECUTE format('CREATE TABLE %I (LIKE cdp_event INCLUDING ALL)', name);
            EXECUTE format(
            'ALTER TABLE cdp_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            name, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');"""
# Asked of the table itself, which shows what somebody committed while we waited.
WITH_LAW = f"""IF NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = name AND c.relnamespace = current_schema()::regnamespace) THEN
            {TABLE}
            EXECUTE replace($$ {triggers("cdp_event", "MONTH")} $$, 'MONTH', quote_ident(name));
        END IF;"""
ONCE = (
    functions()
    + "".join(triggers(table, table) for table in LAWS)
    + months(triggers("cdp_event", "MONTH"))
    + "ALTER TABLE cdp_event DROP CONSTRAINT cdp_event_member_id_fkey, DROP CONSTRAINT cdp_event_source_id_fkey;"
    + MAKE_MONTH.replace("%s", WITH_LAW)
)
EACH = (
    MAKE_MONTH.replace("%s", TABLE)
    + """ALTER TABLE cdp_event
        ADD CONSTRAINT cdp_event_member_id_fkey FOREIGN KEY (member_id) REFERENCES cdp_member
            ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        ADD CONSTRAINT cdp_event_source_id_fkey FOREIGN KEY (source_id) REFERENCES cdp_source DEFERRABLE INITIALLY DEFERRED;"""
    + months("DROP TRIGGER event_of_who_exists_insert ON MONTH; DROP TRIGGER event_of_who_exists_update ON MONTH;")
    + "".join(
        f"DROP TRIGGER {table.removeprefix('cdp_')}_of_who_exists_{when} ON {table};"
        for table in LAWS
        for when in ("insert", "update")
    )
    + "".join(f"DROP FUNCTION cdp_refuse_unknown_{law};" for law, _body in LAWS.values())
)


class Migration(migrations.Migration):
    dependencies = [("cdp", "0027_day_swept")]
    operations = [
        migrations.RunSQL(STAY, GO),
        migrations.RunSQL(ONCE, EACH),
        migrations.AlterField(
            model_name="feedrow",
            name="member",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="cdp.member",
                verbose_name="member",
            ),
        ),
        # Its own index went with it: nobody looks for all rows of a source, and the primary key costs enough.
        migrations.AlterField(
            model_name="seen",
            name="source",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="cdp.source",
            ),
        ),
    ]
