from django.db import migrations

FROZEN = """
CREATE FUNCTION automation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published version is frozen' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER a_published_version_is_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON automation_journeyversion
    FOR EACH STATEMENT EXECUTE FUNCTION automation_refuse_change();
"""
# The same number as automation.arms.unit: the first 8 hex digits of sha256('salt:member') as a share of 2^32.
UNIT = """
CREATE FUNCTION automation_unit(salt text, member bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || left(encode(sha256(convert_to(salt || ':' || member, 'UTF8')), 'hex'), 8))::bit(32)::bigint / 4294967296.0;
"""


class Migration(migrations.Migration):
    dependencies = [("automation", "0001_initial")]
    operations = [
        migrations.RunSQL(
            FROZEN,
            "DROP TRIGGER a_published_version_is_frozen ON automation_journeyversion; DROP FUNCTION automation_refuse_change",
        ),
        migrations.RunSQL(UNIT, "DROP FUNCTION automation_unit"),
    ]
