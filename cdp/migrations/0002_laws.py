from django.db import migrations

EVENTS = """
CREATE SEQUENCE cdp_event_id_seq;
CREATE TABLE cdp_event (
    id bigint NOT NULL DEFAULT nextval('cdp_event_id_seq'),
    occurred_at timestamptz NOT NULL,
    member_id bigint REFERENCES cdp_member (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    source_id bigint NOT NULL REFERENCES cdp_source (id) DEFERRABLE INITIALLY DEFERRED,
    external_id varchar(200) NOT NULL,
    type varchar(50) NOT NULL,
    properties jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX event_by_member ON cdp_event (member_id, type, occurred_at);

-- Called before every insert of events; a month that exists costs one look-up.
CREATE FUNCTION cdp_event_month(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
    name text := 'cdp_event_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('cdp_event_month'));
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF cdp_event FOR VALUES FROM (%L) TO (%L)',
            name, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;
"""

APPEND_ONLY = """
CREATE FUNCTION cdp_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER consent_records_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cdp_consentrecord
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0001_initial")]
    operations = [
        migrations.RunSQL(EVENTS, "DROP TABLE cdp_event; DROP SEQUENCE cdp_event_id_seq; DROP FUNCTION cdp_event_month"),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER consent_records_are_append_only ON cdp_consentrecord; DROP FUNCTION cdp_refuse_change",
        ),
    ]
